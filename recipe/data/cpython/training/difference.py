"""How two texts differ: nested loops over lists, a cache of calls, slices, difflib."""

import difflib
import functools


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            cost = before if x == y else 1 + min(before, row[j], row[j - 1])
            before, row[j] = row[j], cost
    return row[-1]


def common(a, b):
    @functools.lru_cache(maxsize=None)
    def longest(i, j):
        if i == len(a) or j == len(b):
            return 0
        if a[i] == b[j]:
            return 1 + longest(i + 1, j + 1)
        return max(longest(i + 1, j), longest(i, j + 1))

    return longest(0, 0)


def main():
    words = ["".join(chr(97 + i * k % 26) for k in range(1, 9 + i % 5)) for i in range(70)]
    total = sum(distance(a, b) for a in words for b in words[::5])
    shared = sum(common(a, b) for a, b in zip(words, words[1:]))
    old = [f"line {i} {i * 7 % 13}" for i in range(400)]
    new = [line for i, line in enumerate(old) if i % 17] + ["the end"]
    delta = list(difflib.unified_diff(old, new, lineterm=""))
    assert total > 0 and shared > 0 and any(line.startswith("-line 0") for line in delta)


main()
