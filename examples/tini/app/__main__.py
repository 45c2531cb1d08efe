"""Runs the shell command COMMAND every EVERY seconds, until SIGTERM or SIGINT asks it to stop."""

import os
import signal
import subprocess
import threading


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        code = subprocess.run(["/bin/sh", "-c", os.environ["COMMAND"]], check=False).returncode
        if code:
            print(f"the command ended with {code}")
        stop.wait(float(os.environ["EVERY"]))
    print("stopped")


main()
