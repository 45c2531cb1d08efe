# Compiles what stdin holds and writes the bytecode to stdout. It runs none of it. Both ways a record is: the length of what
# follows (8 bytes), little-endian. In: a path, then its source. Out: "c" and the .pyc file, or "f", a line number (8 bytes)
# and a message. First of all it writes the magic number of its bytecode, and "t" and the tag in names of .pyc files.
import sys
import _imp
import marshal
from importlib.util import MAGIC_NUMBER

source = sys.stdin.buffer
out = sys.stdout.buffer
modules, flags = int(sys.argv[1]), int(sys.argv[2])


def read(n):
    data = source.read(n)
    if len(data) != n:
        raise EOFError
    return data


def record():
    head = source.read(8)
    return read(int.from_bytes(head, "little")) if head else None


def write(kind, data):
    out.write(len(data).to_bytes(8, "little") + kind + data)
    out.flush()


def compiled(path, text):
    code = compile(text, path, "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + flags.to_bytes(4, "little") + _imp.source_hash(int.from_bytes(MAGIC_NUMBER, "little"), text) + marshal.dumps(code)


# musl's malloc gives memory back to the kernel when the last block near it is freed, and takes it again for the next module: two thirds of
# the time. One block that stays near others of its size prevents that; see mallocng's free.c. Making them takes as long as compiling some
# 100 modules.
kept, size = [], 600
while modules > 150 and size < 131000:  # larger ones are mappings of their own
    blocks = [bytearray(size) for _ in range(16)]
    kept.append(blocks[8])
    size = int(size * 1.06)
blocks = None

out.write(MAGIC_NUMBER)
write(b"t", sys.implementation.cache_tag.encode())
while (name := record()) is not None:
    text = record()
    try:
        write(b"c", compiled("/" + name.decode("utf-8", "surrogateescape"), text))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as e:
        line = getattr(e, "lineno", None) or 0
        message = getattr(e, "msg", None) or str(e) or type(e).__name__
        write(b"f", int(line).to_bytes(8, "little") + message.encode("utf-8", "replace")[:500])
