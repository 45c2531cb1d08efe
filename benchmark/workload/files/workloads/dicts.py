"""Dictionaries and sets: filled, looked up, counted, grouped, merged and compared, with keys of several types."""


def run():
    count, groups = {}, {}
    for i in range(4000):
        key = (i * 7919) % 613
        count[key] = count.get(key, 0) + 1
        groups.setdefault(f"group {key % 29}", []).append(i)
    places = {(x, y): x * y for x in range(40) for y in range(40)}
    found = sum(places[x, y] for x in range(0, 40, 3) for y in range(0, 40, 2))
    merged = {**count, **{k: -v for k, v in count.items() if k % 5 == 0}}
    seen = set(merged) & set(range(0, 700, 3)) | {len(g) for g in groups.values()}
    for k in list(merged):
        if k % 2:
            del merged[k]
    return found + sum(merged.values()) + len(seen) + sum(g[-1] for g in groups.values())


EXPECTED = 220123
