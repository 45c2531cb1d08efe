"""Integers of any size: factorials, powers, roots, greatest common divisors, digits, and bits of small numbers."""
from math import factorial, gcd


def root(n):
    x = 1 << (n.bit_length() + 1) // 2
    while True:
        y = (x + n // x) // 2
        if y >= x:
            return x
        x = y


def run():
    big = factorial(400)
    found = root(big) % 1000003 + len(str(big)) + gcd(big, 3**500) % 1009
    found += pow(7, 12345678901234567890, (1 << 127) - 1) % 1009
    x, bits = 88172645463325252, 0
    for _ in range(2500):
        x ^= x << 13 & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 7
        x ^= x << 17 & 0xFFFFFFFFFFFFFFFF
        bits += x & 1
    return found + bits + (big >> 1000) * (big & 0xFFFFFFFF | 1) % 997


EXPECTED = 951229
