"""For a clone in a folder named `appnas`, beside which one's own script lies: it hands on the package inside.

Python finds that folder, which is named like the package, before an editable installation, and without this file would
take it for an empty namespace. No part of what is installed.
"""

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parent

if __name__ == "appnas":
    elsewhere = [path for path in sys.path if Path(path, "appnas").resolve() != ROOT]
    spec = PathFinder.find_spec(__name__, elsewhere)
    if spec is None or spec.loader is None:  # not installed, or editable
        spec = importlib.util.spec_from_file_location(
            __name__, ROOT / "appnas" / "__init__.py", submodule_search_locations=[str(ROOT / "appnas"), str(ROOT)]
        )
    sys.modules[__name__] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[__name__])
