"""Versions of what a result was made with."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("bullbear", "numpy", "scipy", "sympy", "pandas", "pysd")


@cache
def versions() -> dict[str, str]:
    """Package name -> version, Python's own included."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
