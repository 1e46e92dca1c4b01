"""Files in the folder that APPNAS_DATA names, and the errors of what is missing."""

from __future__ import annotations

import os
from pathlib import Path

FIXED = 2024
"""Seed of what is drawn once and for all: held-out parts, and the images that a limit keeps."""


def missing(package: str, extra: str) -> ImportError:
    """The error of a package that an extra brings."""
    return ImportError(f"this data needs the package {package!r}: pip install 'appnas[{extra}]'")


def data_file(*parts: str) -> Path:
    """A file below the folder that APPNAS_DATA names.

    Raises:
        FileNotFoundError: not there.
    """
    file = Path(os.environ.get("APPNAS_DATA", "data"), *parts)
    if not file.exists():
        raise FileNotFoundError(f"no file {file}: set APPNAS_DATA to the folder that holds {parts[0]!r}")
    return file
