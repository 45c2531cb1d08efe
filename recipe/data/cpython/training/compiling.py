"""Modules of the standard library, compiled: tokens, syntax trees, code objects, marshal."""

import ast
import marshal
import os
import tokenize


class Names(ast.NodeVisitor):
    def __init__(self):
        self.seen = set()

    def visit_Name(self, node):
        self.seen.add(node.id)

    def visit_FunctionDef(self, node):
        self.seen.add(node.name)
        self.generic_visit(node)


def main():
    folder = os.path.dirname(os.__file__)
    for name in ("argparse", "ast", "configparser", "dataclasses", "inspect", "shutil", "tarfile", "typing", "uuid", "zipfile/__init__"):
        at = os.path.join(folder, name + ".py")
        if not os.path.exists(at):
            continue
        with open(at, encoding="utf-8") as f:
            text = f.read()
        tree = ast.parse(text)
        names = Names()
        names.visit(tree)
        code = compile(tree, name, "exec")
        assert names.seen and marshal.loads(marshal.dumps(code)) == code
        lines = iter(text.splitlines(keepends=True))
        assert sum(1 for _ in tokenize.generate_tokens(lambda: next(lines, ""))) > len(names.seen)


main()
