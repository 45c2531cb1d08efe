"""Calls one hook of a PEP 517 backend, as pyproject_hooks does: in the sdist's folder, with backend-path first on sys.path."""
import importlib
import json
import os
import sys


def main():
    task = json.loads(sys.argv[1])
    sys.argv = sys.argv[:1]
    sys.path[0:1] = task["path"]  # the first one is the folder of this file
    module, _, attributes = task["backend"].partition(":")
    backend = importlib.import_module(module)
    if task["path"]:
        inside = [os.path.normcase(os.path.abspath(p)) for p in task["path"]]
        file = os.path.normcase(os.path.abspath(getattr(backend, "__file__", None) or ""))
        if not any(os.path.commonpath([p, file]) == p for p in inside):
            raise SystemExit("the backend %s is not in backend-path" % module)
    for name in filter(None, attributes.split(".")):
        backend = getattr(backend, name)
    hook = getattr(backend, task["hook"], None)
    if hook is None and task["hook"] == "get_requires_for_build_wheel":
        result = []
    else:
        result = hook(*task["arguments"])
    with open(task["result"], "w") as f:
        json.dump(result, f)


if __name__ == "__main__":
    main()
