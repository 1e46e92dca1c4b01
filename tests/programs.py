"""Runs a program as its command would, in this process, which has imported torch already."""

import io
import runpy
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import pytest


def run(file: Path, *args: str, folder: Path | None = None) -> str:
    """What it prints; what it raises is raised.

    Args:
        file: the program.
        args: of its command line.
        folder: where it is run; by default here.
    """
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(sys, "argv", [str(file), *args])
        patch.syspath_prepend(file.parent)
        patch.setenv("MPLBACKEND", "agg")
        if folder:
            patch.chdir(folder)
        runpy.run_path(str(file), run_name="__main__")
    return said.getvalue()
