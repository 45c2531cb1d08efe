"""Start without bytecode: a new interpreter that imports the same, and compiles all of it first."""
import starting


def setup():
    return starting.Interpreter(bytecode=False)


def measure(loops, interpreter):
    return interpreter.start(loops)
