"""What a runtime must be able to do before it is packed."""

import asyncio
import bz2
import ctypes
import decimal
import hashlib
import lzma
import sqlite3
import ssl
import subprocess
import sys
import sysconfig
import threading
import zlib

data = bytes(range(256)) * 400
assert zlib.decompress(zlib.compress(data)) == data
assert bz2.decompress(bz2.compress(data)) == data
assert lzma.decompress(lzma.compress(data)) == data
assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
assert ssl.create_default_context().get_ciphers()
assert decimal.Decimal(1) / 8 == decimal.Decimal("0.125")

db = sqlite3.connect(":memory:")
db.execute("create virtual table t using fts5(x)")
assert db.execute("""select json_extract('{"a":7}', '$.a'), sqrt(16)""").fetchall() == [(7, 4.0)]

numbers = (ctypes.c_int * 5)(5, 3, 1, 4, 2)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
ctypes.CDLL(None).qsort(numbers, 5, 4, compare(lambda a, b: a[0] - b[0]))
assert list(numbers) == [1, 2, 3, 4, 5]


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


found = []
sys.setrecursionlimit(20000)
thread = threading.Thread(target=lambda: found.append((deep(900), sorted(range(900), key=lambda x: deep(x % 50))[-1])))
thread.start()
thread.join()
assert found and found[0][0] == 900


async def answer():
    await asyncio.sleep(0.001)
    return 42


assert asyncio.run(answer()) == 42
run = subprocess.run([sys.executable, "-c", "print('child')"], stdout=subprocess.PIPE, check=True)
assert run.stdout == b"child\n"
assert sysconfig.get_config_var("CC").startswith("gcc"), sysconfig.get_config_var("CC")
print(sys.version)
