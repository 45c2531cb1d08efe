"""Says what it is made of."""

import platform

import packaging

print(f"packaging {packaging.__version__} on Python {platform.python_version()}")
