"""`appnas eda pack`: files of placements as one data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from appnas.cli import show

LEAST = 3
"""Designs that a split into training, validation and test needs."""


@dataclass(frozen=True)
class Pack:
    """Join files of `appnas eda label` (or generate) of several designs; the domain `routed` reads what comes out."""

    files: Positional[tuple[Path, ...]]
    """Files with the same gcells, channels and labels."""
    out: Path = Path("dataset.npz")
    """Where to."""

    def run(self) -> None:
        """Join and write.

        Raises:
            ValueError: files that do not go together, or are no placements.
        """
        from appnas.domains.eda.reports import pack

        data = pack(self.files, self.out)
        designs = sorted(set(data.designs))
        show.line(
            f"{self.out}: {len(data.names)} placements of {len(designs)} designs; labels {', '.join(data.labels)}"
        )
        if len(designs) < LEAST:
            show.line(f"data are split by design, which needs {LEAST}; there are {', '.join(designs)}")
        else:
            show.line(f"search with --domain routed --domain.path {self.out}")
