"""Closures: made, called, and kept in lists; variables of an enclosing function; lambdas, map, filter and reduce."""
from functools import partial, reduce


def counter(step):
    count = 0

    def advance(times=1):
        nonlocal count
        count += step * times
        return count

    return advance


def compose(*functions):
    return reduce(lambda f, g: lambda x: g(f(x)), functions)


def run():
    counters = [counter(n) for n in range(40)]
    pipeline = compose(lambda x: x + 1, lambda x: x * 3, partial(divmod, 1009))
    found = 0
    for n in range(60):
        for advance in counters:
            found += advance(n & 3)
        found += sum(map(sum, map(pipeline, filter(lambda x: x % 3, range(n, n + 40)))))
    return found


EXPECTED = 2206994
