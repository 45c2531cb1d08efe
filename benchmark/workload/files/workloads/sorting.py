"""Sorting and searching: numbers, texts and tuples, with keys and without, heaps and bisection."""
from bisect import bisect_left, insort
from heapq import heapify, heappop, heappush, nsmallest
from operator import itemgetter


def setup():
    numbers, x = [], 42
    for _ in range(3000):
        x = (x * 1103515245 + 12345) % (1 << 31)
        numbers.append(x)
    return numbers, [f"{n:x}" for n in numbers], [(n % 97, n % 1009, n) for n in numbers]


def run(data):
    numbers, texts, tuples = data
    ordered = sorted(numbers)
    found = ordered[100] ^ ordered[-100] ^ len(sorted(texts, key=len, reverse=True)[7])
    found ^= sorted(tuples)[500][2] ^ sorted(tuples, key=itemgetter(1, 0))[700][2]
    found ^= sum(bisect_left(ordered, n) for n in numbers[:500])
    heap, kept = numbers[:700], []
    heapify(heap)
    for n in numbers[700:1000]:
        heappush(heap, n)
        insort(kept, heappop(heap) % 10007)
    return found ^ kept[150] ^ nsmallest(20, numbers)[-1]


EXPECTED = 268657552
