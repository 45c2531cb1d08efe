"""Starts, as of command line programs: imports, arguments, configuration, a child process."""

import argparse
import configparser
import os
import subprocess
import sys
import tempfile

PROGRAM = """
import argparse, configparser, collections, contextlib, functools, hashlib, http.client, importlib.metadata, inspect, os, shutil
import tempfile, typing, unittest, urllib.request, zipfile
print(len(dir(argparse)))
"""


def arguments(i):
    parser = argparse.ArgumentParser(prog="tool", exit_on_error=False)
    parser.add_argument("--level", type=int, choices=range(10), default=3)
    commands = parser.add_subparsers(dest="command")
    for name in ("build", "clean", "show"):
        sub = commands.add_parser(name)
        sub.add_argument("target", nargs="*")
        sub.add_argument("--force", action="store_true")
    found = parser.parse_args(["--level", str(i % 10), "build", "a", "b", "--force"])
    return found.force and found.level == i % 10


def settings(i):
    config = configparser.ConfigParser()
    config.read_dict({f"part{k}": {"path": "%(root)s/x", "root": f"/srv/{k}", "size": str(k * i)} for k in range(12)})
    return config.getint("part3", "size") == 3 * i and config["part4"]["path"] == "/srv/4/x"


def main():
    assert all(arguments(i) and settings(i) for i in range(60))
    with tempfile.TemporaryDirectory() as folder:
        at = os.path.join(folder, "program.py")
        with open(at, "w", encoding="utf-8") as f:
            f.write(PROGRAM)
        for flags in (["-S"], [], ["-X", "importtime"], []):
            run = subprocess.run([sys.executable, *flags, at], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
            assert int(run.stdout) > 0


main()
