"""A small stack machine, object by object: inheritance, dispatch, properties, exceptions, with statements."""


class Stop(Exception):
    pass


class Machine:
    def __init__(self, code):
        self.code, self.stack, self.at, self.variables = code, [], 0, {}

    @property
    def top(self):
        return self.stack[-1]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        return kind is Stop

    def run(self):
        while True:
            op = self.code[self.at]
            self.at += 1
            op.do(self)


class Op:
    def __init__(self, *args):
        self.args = args

    def do(self, machine):
        raise NotImplementedError(type(self).__name__)


class Push(Op):
    def do(self, machine):
        machine.stack.append(self.args[0])


class Load(Op):
    def do(self, machine):
        try:
            machine.stack.append(machine.variables[self.args[0]])
        except KeyError:
            machine.stack.append(0)


class Store(Op):
    def do(self, machine):
        machine.variables[self.args[0]] = machine.stack.pop()


class Binary(Op):
    def do(self, machine):
        right = machine.stack.pop()
        left = machine.stack.pop()
        machine.stack.append(self.apply(left, right))


class Add(Binary):
    def apply(self, left, right):
        return left + right


class Times(Binary):
    def apply(self, left, right):
        return left * right % 1000003


class Less(Binary):
    def apply(self, left, right):
        return left < right


class JumpIf(Op):
    def do(self, machine):
        if machine.stack.pop():
            machine.at = self.args[0]


class Halt(Op):
    def do(self, machine):
        if machine.top is None:
            raise ValueError("empty")
        raise Stop


def main():
    code = [Push(1), Store("product"), Load("product"), Load("n"), Push(7), Add(), Times(), Store("product"), Load("n"), Push(1), Add(),
            Store("n"), Load("n"), Push(40000), Less(), JumpIf(2), Load("product"), Halt()]
    with Machine(code) as machine:
        machine.run()
    assert machine.variables["n"] == 40000 and isinstance(machine.top, int)


main()
