"""A Huffman code by hand: bytes, bit operations, struct, checksums."""

import heapq
import struct
import zlib
from collections import Counter


def code(data):
    heap = [(n, i, bytes([c])) for i, (c, n) in enumerate(sorted(Counter(data).items()))]
    heapq.heapify(heap)
    codes = dict.fromkeys(range(256), "")
    fresh = len(heap)
    while len(heap) > 1:
        (n, _, low), (m, _, high) = heapq.heappop(heap), heapq.heappop(heap)
        for c in low:
            codes[c] = "0" + codes[c]
        for c in high:
            codes[c] = "1" + codes[c]
        heapq.heappush(heap, (n + m, fresh, low + high))
        fresh += 1
    return {c: (int(bits, 2), len(bits)) for c, bits in codes.items() if bits}


def pack(data, codes):
    out, word, filled = bytearray(), 0, 0
    for c in data:
        bits, n = codes[c]
        word = word << n | bits
        filled += n
        while filled >= 8:
            filled -= 8
            out.append(word >> filled & 0xFF)
            word &= (1 << filled) - 1
    if filled:
        out.append(word << 8 - filled & 0xFF)
    return struct.pack("<IIB", len(data), zlib.crc32(data), filled) + bytes(out)


def unpack(packed, codes):
    size, check, _ = struct.unpack_from("<IIB", packed)
    known = {(n, bits): c for c, (bits, n) in codes.items()}
    out, word, filled = bytearray(), 0, 0
    for byte in memoryview(packed)[9:]:
        for shift in range(7, -1, -1):
            word = word << 1 | byte >> shift & 1
            filled += 1
            c = known.get((filled, word))
            if c is not None and len(out) < size:
                out.append(c)
                word = filled = 0
    assert zlib.crc32(out) == check
    return bytes(out)


def main():
    data = b" ".join(str(i * i % 7919).encode() + b"abcde"[: i % 5] for i in range(22000))
    codes = code(data)
    packed = pack(data, codes)
    assert len(packed) < len(data) and unpack(packed, codes) == data


main()
