"""Pickle and copy: objects, containers, times and references between them, written and read again."""
import copy
import datetime
import pickle


class Order:
    def __init__(self, number, when):
        self.number, self.when = number, when
        self.lines, self.before = [], None


def setup():
    orders, last = [], None
    for i in range(80):
        order = Order(i, datetime.datetime(2024, 1 + i % 12, 1 + i % 28, tzinfo=datetime.timezone.utc))
        order.lines = [(n, f"part {n}", {"count": n * i, "code": b"x" * (n % 9)}) for n in range(6)]
        order.before, last = last, order
        orders.append(order)
    return orders


def run(orders):
    again = pickle.loads(pickle.dumps(orders, protocol=4))
    copied = copy.deepcopy(orders[40].lines)
    same = all(a.number == b.number and a.when == b.when and a.lines == b.lines for a, b in zip(orders, again))
    return same and again[7].before is again[6] and copied == orders[40].lines and len(again)


EXPECTED = 80
