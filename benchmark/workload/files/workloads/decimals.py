"""Decimal numbers and fractions: prices with taxes and rounding, interest, and pi to 60 digits."""
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction


def pi():
    with localcontext() as context:
        context.prec = 62
        last, t, s, n, na, d, da = 0, Decimal(3), 3, 1, 0, 0, 24
        while s != last:
            last = s
            n, na, d, da = n + na, na + 8, d + da, da + 32
            t = (t * n) / d
            s += t
        return str(s)[:58]


def run():
    cent, total = Decimal("0.01"), Decimal(0)
    for i in range(700):
        net = Decimal(i) * Decimal("1.99")
        total += (net * Decimal("1.19")).quantize(cent, rounding=ROUND_HALF_EVEN)
    balance = Decimal("1000")
    for _ in range(200):
        balance = (balance * Decimal("1.0025")).quantize(Decimal("0.000001"))
    share = sum((Fraction(1, n) for n in range(1, 60)), Fraction(0))
    return f"{total} {balance} {share.numerator % 1000003} {pi()[-12:]}"


EXPECTED = "579355.66 1647.692856 740575 937510582097"
