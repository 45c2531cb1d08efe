"""Calls of functions and methods: positional, by keyword, with defaults, recursive, and through a bound method."""


class Account:
    def __init__(self, balance):
        self.balance = balance

    def deposit(self, amount, *, fee=0):
        self.balance += amount - fee
        return self

    def total(self):
        return self.balance


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def weighted(a, b=2, *rest, scale=1):
    return (a * b + len(rest)) * scale


def run():
    account, found = Account(0), fibonacci(15)
    deposit = account.deposit
    for i in range(1500):
        account.deposit(i, fee=1).total()
        deposit(i % 7)
        found += weighted(i) + weighted(i, 3, i, i, scale=2)
    return found + account.total()


EXPECTED = 10127855
