"""Starts new interpreters, and counts what they take."""
import os
import sys
import time

IMPORTS = "import argparse, asyncio, decimal, http.client, json, logging.handlers, xml.etree.ElementTree; print('ready')"


class Interpreter:
    """The interpreter that runs this, which finds bytecode where it wrote it itself, or none. What the image has is not looked at."""

    def __init__(self, bytecode):
        folder = "/tmp/pycache" if bytecode else "/nonexistent"
        self.env = dict(os.environ, PYTHONPYCACHEPREFIX=folder)
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)
        self.args = [sys.executable, "-c", IMPORTS]
        if not bytecode:
            self.args[1:1] = ["-B"]
        self.start(1)

    def start(self, loops):
        """Returns the CPU time and the time that so many starts took."""
        cpu, begin = 0.0, time.perf_counter()
        for _ in range(loops):
            reading, writing = os.pipe()
            child = os.posix_spawn(sys.executable, self.args, self.env, file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)])
            os.close(writing)
            _, status, usage = os.wait4(child, 0)
            said = os.read(reading, 100)
            os.close(reading)
            if status or said != b"ready\n":
                raise RuntimeError("a new interpreter ended with status %d and printed %r" % (status, said))
            cpu += usage.ru_utime + usage.ru_stime
        return cpu, time.perf_counter() - begin
