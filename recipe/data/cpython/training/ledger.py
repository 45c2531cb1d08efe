"""Bookings of a shop: csv, dates, dataclasses, enumerations, exact fractions, formatting, grouping."""

import csv
import enum
import io
from collections import Counter, defaultdict, namedtuple
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import accumulate, groupby
from operator import attrgetter


class Kind(enum.Enum):
    SALE = "sale"
    RETURN = "return"
    FEE = "fee"


@dataclass(frozen=True)
class Booking:
    day: date
    kind: Kind
    customer: str
    cents: int


Line = namedtuple("Line", "month total count")


def write(n):
    out = io.StringIO()
    rows = csv.writer(out)
    first = date(2024, 1, 1)
    for i in range(n):
        kind = (Kind.SALE, Kind.SALE, Kind.RETURN, Kind.FEE)[i * 7 % 4]
        rows.writerow([(first + timedelta(days=i * 3 % 700)).isoformat(), kind.value, f"customer {i * i % 97:03d}", 100 + i * 37 % 5000])
    return out.getvalue()


def read(text):
    for day, kind, customer, cents in csv.reader(io.StringIO(text)):
        yield Booking(date.fromisoformat(day), Kind(kind), customer, int(cents))


def report(bookings):
    signed = [replace(b, cents=-b.cents) if b.kind is not Kind.SALE else b for b in bookings]
    signed.sort(key=attrgetter("day", "customer"))
    lines = []
    for month, group in groupby(signed, key=lambda b: (b.day.year, b.day.month)):
        group = list(group)
        lines.append(Line(f"{month[0]:04d}-{month[1]:02d}", sum(b.cents for b in group), len(group)))
    customers = defaultdict(list)
    for b in signed:
        customers[b.customer].append(b.cents)
    means = {name: Fraction(sum(values), len(values)) for name, values in customers.items()}
    return lines, Counter(b.kind for b in signed), max(means.values()), list(accumulate(line.total for line in lines))


def main():
    text = write(6000)
    for _ in range(4):
        lines, kinds, best, running = report(read(text))
        table = "\n".join("{:<8} {:>12,.2f} {:>5}".format(line.month, line.total / 100, line.count) for line in lines)
    assert kinds[Kind.SALE] == 3000 and len(table.splitlines()) == len(running) == 23 and best > 0


main()
