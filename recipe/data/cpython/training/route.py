"""Shortest ways through a hilly landscape: a priority queue, tuples that are compared, lists of lists, objects with slots."""

import heapq


class Field:
    __slots__ = ("height", "best", "came")

    def __init__(self, height):
        self.height = height
        self.best = None
        self.came = None

    def cost_to(self, other):
        climb = other.height - self.height
        return 1 + (climb * climb if climb > 0 else 0)


def neighbours(x, y, size):
    if x:
        yield x - 1, y
    if y:
        yield x, y - 1
    if x + 1 < size:
        yield x + 1, y
    if y + 1 < size:
        yield x, y + 1


def walk(size):
    land = [[Field((x * x + 3 * y * y + x * y) % 11) for x in range(size)] for y in range(size)]
    land[0][0].best = 0
    queue = [(0, 0, 0)]
    while queue:
        far, x, y = heapq.heappop(queue)
        here = land[y][x]
        if far > here.best:
            continue
        for nx, ny in neighbours(x, y, size):
            there = land[ny][nx]
            total = far + here.cost_to(there)
            if there.best is None or total < there.best:
                there.best = total
                there.came = here
                heapq.heappush(queue, (total, nx, ny))
    return land[-1][-1]


def main():
    for size in (60, 90, 110):
        end, steps = walk(size), 0
        while end.came is not None:
            end, steps = end.came, steps + 1
        assert steps >= 2 * size - 2


main()
