"""Tables in memory, joined and pivoted: comprehensions, unpacking, lists that grow and shrink, large blocks of memory."""

import random
from collections import ChainMap, OrderedDict, deque


def rows(n, seed):
    r = random.Random(seed)
    return [{"id": i, "group": r.randrange(40), "size": r.randrange(1, 2000), "name": f"row-{i % 311}"} for i in range(n)]


def join(left, right):
    by_group = {}
    for row in right:
        by_group.setdefault(row["group"], []).append(row)
    return [{**a, "other": b["id"], "sum": a["size"] + b["size"]} for a in left for b in by_group.get(a["group"], ())[:3]]


def pivot(joined):
    out = OrderedDict()
    for row in joined:
        group, (low, high, *rest) = row["group"], (row["size"], row["sum"], row["id"], row["other"])
        total, most, seen = out.get(group, (0, 0, ()))
        out[group] = total + low, max(most, high), (*seen[-4:], *rest)
    return out


def churn(sizes):
    recent, kept = deque(maxlen=60), []
    for i, size in enumerate(sizes):
        recent.append(bytearray(size) if i & 1 else [i] * (size >> 3))
        if i % 9 == 0:
            kept.append(bytes(recent[0][:64]) if isinstance(recent[0], bytearray) else recent[0][:64])
        if len(kept) > 200:
            del kept[::2]
    return len(kept)


def main():
    left, right = rows(9000, 1), rows(900, 2)
    table = pivot(join(left, right))
    assert len(table) == 40
    defaults = ChainMap({}, {"size": 0}, {k: v for k, (v, *_) in table.items()})
    assert defaults["size"] == 0 and sum(defaults[g] for g in range(40)) > 0
    assert churn([row["size"] * 24 for row in left]) > 0


main()
