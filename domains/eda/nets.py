"""Networks that come with the package: exports in folders under `files`, read as `appnas:NAME`.

`python benchmarks/chip_net.py` makes one; its card, README.md in its folder, says by which command and from which data.
"""

from __future__ import annotations

from pathlib import Path

from appnas.support import AbsentError
from appnas.support.dotted import close

FILES = Path(__file__).parent / "files"
PREFIX = "appnas:"


def shipped_nets() -> dict[str, Path]:
    """Their folders by name."""
    return {path.parent.name: path.parent for path in sorted(FILES.glob("*/arch.json"))}


def net_folder(name: str) -> Path:
    """The folder of an export: of a shipped one, `appnas:NAME`, or where the name itself says.

    Raises:
        AbsentError: the package ships no such network.
    """
    if not name.startswith(PREFIX):
        return Path(name)
    there, inside = shipped_nets(), name.removeprefix(PREFIX)
    if inside not in there:
        has = ", ".join(PREFIX + one for one in there) or "none: give the folder of an export of yours"
        raise AbsentError(f"appnas ships no network {inside!r}; it has {has}{close(inside, there)}")
    return there[inside]
