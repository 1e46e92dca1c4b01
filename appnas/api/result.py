"""What a user gets of a search: the result, with the verbs that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appnas.loop import SearchResult
from appnas.retrain import Retrained, To, export, retrain
from appnas.task import Domain


@dataclass(frozen=True)
class Result(SearchResult):
    """What `appnas.search` and `appnas.resume` return: see `appnas.loop.SearchResult` for its attributes."""

    def retrain(self, epochs: int | None = None, **more: Any) -> Retrained:
        """Train the best architecture from scratch, and test it: see `appnas.retrain.retrain`."""
        return retrain(self, epochs, **more)

    def _repr_html_(self) -> str:
        """What a notebook shows: the architecture drawn, its value, what to do next."""
        from appnas.report.shown import notebook  # which needs matplotlib

        return notebook.found(self)

    def report(self, out: str | Path | None = None) -> Path:
        """Write the report of a run with a directory: see `appnas.report.write`.

        Raises:
            ValueError: the search kept no directory.
        """
        from appnas.report import write  # which needs matplotlib

        return write(self._path("a report is made"), Path(out) if out else None)

    def export(self, out: str | Path, *, to: Sequence[To] = ("onnx",)) -> dict[str, Path]:
        """Write what was retrained: weights, and ONNX, plain source or the hub's folder; see `appnas.retrain.export`.

        Raises:
            ValueError: the search kept no directory.
        """
        domain = self.domain if isinstance(self.domain, Domain) else None  # a table was not retrained
        return export(self._path("an export is made"), Path(out), to=to, space=self.space, domain=domain)

    def _path(self, made: str) -> Path:
        if not self.info.get("path"):
            raise ValueError(f"{made} from a run's directory: pass out=... to appnas.search")
        return Path(self.info["path"])
