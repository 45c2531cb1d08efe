"""Writes the lines of a serial port to the log. The options are those of the add-on's page in Home Assistant."""

import json
import os
import signal
import sys

import serial

# Home Assistant writes the options there before it starts the add-on.
OPTIONS = os.environ.get("OPTIONS", "/data/options.json")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # Home Assistant stops an add-on so
    with open(OPTIONS, encoding="utf-8") as file:
        options = json.load(file)
    print(f"reading {options['port']} at {options['baud']} baud")
    with serial.serial_for_url(options["port"], baudrate=options["baud"], timeout=1) as port:
        for line in port:
            print(line.decode("utf-8", "replace").rstrip())


main()
