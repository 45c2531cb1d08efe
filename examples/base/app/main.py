"""Says where it runs."""

import platform

print(f"Python {platform.python_version()} on {platform.machine()}")
