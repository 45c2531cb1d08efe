"""Uses a package that the team's base has."""

import sys

import idna

for name in sys.argv[1:] or ["tår.example"]:
    print(idna.encode(name).decode())
