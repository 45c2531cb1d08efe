"""Start: a new interpreter that imports what a service does, with bytecode for all of it."""
import starting


def setup():
    return starting.Interpreter(bytecode=True)


def measure(loops, interpreter):
    return interpreter.start(loops)
