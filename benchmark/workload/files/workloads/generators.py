"""Generators: pipelines, "yield from" through a tree, send, and generator expressions."""


def numbers(n):
    for i in range(n):
        yield i


def pairs(items):
    last = None
    for item in items:
        if last is not None:
            yield last, item
        last = item


def tree(depth, value=1):
    if depth:
        yield from tree(depth - 1, value * 2)
        yield value
        yield from tree(depth - 1, value * 2 + 1)


def averager():
    total, count, mean = 0, 0, 0
    while True:
        total += yield mean
        count += 1
        mean = total // count


def run():
    found = sum(a * b for a, b in pairs(numbers(2500)) if a % 3)
    found += sum(i for i, v in enumerate(tree(9)) if v & 1)
    mean = averager()
    next(mean)
    for i in range(1500):
        found += mean.send(i)
    return found


EXPECTED = 3470766110
