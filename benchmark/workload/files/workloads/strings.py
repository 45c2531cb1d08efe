"""Texts: formatted, split, joined, replaced, searched, stripped, encoded and decoded."""


def run():
    lines = [f"{i:05d};name-{i % 17:x};{i / 8:.2f};{'ß' if i % 5 else 'straße'}" for i in range(500)]
    text = "\n".join(lines)
    found = 0
    for line in text.split("\n"):
        number, name, price, rest = line.split(";")
        found += len(number.lstrip("0")) + name.find("-") + (rest.upper() == "SS")
        found += len("%s=%r" % (name.title(), price)) + price.count("5")
    raw = text.replace("name", "n").encode()
    found += len(raw) + len(raw.decode().casefold().translate({ord("-"): "_", ord(";"): None}))
    words = " ".join(lines).replace(";", " ").split()
    return found + sum(w.isdigit() for w in words) + len("".join(reversed(words)).partition("e-10")[2])


EXPECTED = 38795
