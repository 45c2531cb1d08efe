"""Attributes: of objects with slots and with dictionaries, of classes, inherited, and by properties."""


class Shape:
    sides = 0

    def __init__(self, x, y):
        self.x, self.y = x, y

    @property
    def sum(self):
        return self.x + self.y + self.sides


class Square(Shape):
    sides = 4


class Point:
    __slots__ = ("x", "y", "next")

    def __init__(self, x, y, next):
        self.x, self.y, self.next = x, y, next


def run():
    shapes = [(Square if i % 3 else Shape)(i, -i % 5) for i in range(300)]
    chain = None
    for i in range(300):
        chain = Point(i, i * 2, chain)
    found = 0
    for _ in range(6):
        for s in shapes:
            s.x += s.sides
            s.y = s.x - s.y
            found += s.sum
        p = chain
        while p is not None:
            p.x, p.y = p.y, p.x + 1
            found += p.x
            p = p.next
    return found


EXPECTED = 841200
