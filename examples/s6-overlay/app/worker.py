"""Counts, and writes the number to a file that the other service shows."""

import pathlib
import time

STATE = pathlib.Path("/run/app/count")


def main() -> None:
    number = 0
    while True:
        number += 1
        new = STATE.with_suffix(".new")
        new.write_text(str(number))
        new.replace(STATE)
        time.sleep(1)


if __name__ == "__main__":
    main()
