"""After the search: train what it found from scratch, beside controls, and only then look at test data."""

from __future__ import annotations

import io
import random
import statistics
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from torch import nn

from appnas import cost
from appnas.contract import offers
from appnas.domain import Domain
from appnas.evaluate import seeded
from appnas.failure import DataError, failure_of
from appnas.files import RunError
from appnas.journal import read_json, write_json
from appnas.kept import save_showcase, save_weights
from appnas.latency import latencies
from appnas.lock import writing
from appnas.memory import told
from appnas.progress import training
from appnas.search import Result
from appnas.space import Arch, Space, constant_arch, random_arch
from appnas.text import table
from appnas.train import OnEpoch


@dataclass(frozen=True)
class Row:
    """One architecture, trained over several seeds.

    Attributes:
        name: "found", or what the control is.
        arch: the architecture.
        parameters: number of weights.
        macs: multiply-adds of one example.
        tests: held-out metrics, one dictionary a seed.
        latency: ms of one example on one thread of this machine, the median of passes in turns with the other rows;
            None in runs of older versions.
    """

    name: str
    arch: Arch
    parameters: int
    macs: int
    tests: Sequence[Mapping[str, float]]
    latency: float | None = None

    def mean(self, metric: str) -> float:
        """Mean over the seeds."""
        return statistics.fmean(test[metric] for test in self.tests)

    def spread(self, metric: str) -> float:
        """Standard deviation over the seeds; 0 for one."""
        return statistics.stdev([test[metric] for test in self.tests]) if len(self.tests) > 1 else 0.0


@dataclass(frozen=True)
class Retrained:
    """A trained model and the table of what it was compared with.

    Attributes:
        model: the best architecture after training with the first seed, in evaluation mode.
        rows: the found architecture first, then the controls, all trained alike.
        epochs: budget of every training.
    """

    model: nn.Module
    rows: Sequence[Row]
    epochs: int

    def __rich__(self) -> Table:
        """The table for the terminal."""
        metrics, seeds = list(self.rows[0].tests[0]), len(self.rows[0].tests)

        def measured(row: Row, metric: str) -> str:
            return f"{row.mean(metric):.4g}" + (f" ± {row.spread(metric):.2g}" if seeds > 1 else "")

        of = f"mean ± deviation of {seeds} seeds" if seeds > 1 else "one seed"
        return table(
            f"trained for {self.epochs} epochs, then tested; {of}",
            ["architecture", "parameters", "MACs", "ms", *(f"test {metric}" for metric in metrics)],
            [
                [
                    row.name,
                    f"{row.parameters:,}",
                    f"{row.macs:,}",
                    "" if row.latency is None else f"{row.latency:.3g}",
                    *(measured(row, metric) for metric in metrics),
                ]
                for row in self.rows
            ],
        )

    def __str__(self) -> str:
        """The same as plain text."""
        console = Console(file=io.StringIO(), width=120)
        with console.capture() as captured:
            console.print(self)
        return captured.get()


def controls(space: Space, names: Sequence[str], seed: int = 0) -> dict[str, Arch]:
    """Architectures to compare with.

    Args:
        space: where from.
        names: "random" for a random architecture, or an option's name for one that takes it everywhere.
        seed: of the random ones.

    Raises:
        ValueError: a name that no choice offers.
        TypeError: the space has no `discretise`, which one operation everywhere needs.
    """
    rng = random.Random(seed)
    if same := [name for name in names if name != "random"]:
        offers(space, ["discretise"], f"{same[0]!r} everywhere, asked for beside what is found,")
    return {
        name if name == "random" else f"all {name}": (
            random_arch(space, rng) if name == "random" else constant_arch(space, name)
        )
        for name in names
    }


def retrain(
    result: Result,
    epochs: int | None = None,
    *,
    seeds: int = 1,
    beside: Sequence[str] | None = None,
    out: str | Path | None = None,
    progress: bool = False,
) -> Retrained:
    """Train the found architecture and its controls from scratch on all training data, then test each once a seed.

    Args:
        result: of a search.
        epochs: (or environment steps) of every training; by default those that the search was asked to retrain for,
            else the domain's own `budget`.
        seeds: number of trainings of every architecture.
        beside: controls, see `controls`; by default those that the search was asked for. What random search at equal
            budget found is one too, if it ran (`control=True`). One that fails is left out, with a warning.
        out: directory where every training is kept, so that an interrupted call goes on; by default the search's
            own, if it has one.
        progress: show a live line.

    Raises:
        ValueError: the result has no domain with data, that has nothing to test on, or nothing is asked for.
        RunError: somebody else writes to the directory.
    """
    space, domain = testable(result.space, result.domain)
    asked = result.info.get("retrain", {})
    epochs = asked.get("epochs") or _budget(domain) if epochs is None else epochs
    beside = asked.get("beside", ()) if beside is None else beside
    if min(epochs, seeds) < 1:
        raise ValueError(f"epochs and seeds must be at least 1, got {epochs} and {seeds}")
    seed = int(result.info.get("seed", 0))
    folder = out or result.info.get("path")
    out = Path(folder) if folder else None
    if out:
        out.mkdir(parents=True, exist_ok=True)
    searched = {"random search": result.info["control"]["best"]} if "control" in result.info else {}
    candidates = {"found": result.best, **searched, **controls(space, beside, seed)}
    with (
        writing(out) if out else nullcontext(),
        told(None, lambda: "What was trained is kept, repeat the command"),
    ):
        return _train_all(space, domain, candidates, epochs, seeds, out, progress)


def _train_all(
    space: Space, domain: Domain, candidates: Mapping[str, Arch], epochs: int, seeds: int, out: Path | None,
    progress: bool,
) -> Retrained:  # fmt: skip
    rows, models = [], []
    for name, arch in candidates.items():
        try:
            row, model = _train_row(space, domain, name, arch, epochs, seeds, out, progress)
        except (DataError, RunError, OSError):
            raise
        except Exception as error:
            if name == "found":
                raise
            warnings.warn(f"the control {name!r}, {arch}, failed and is left out: {failure_of(error)}", stacklevel=3)
        else:
            rows.append(row)
            models.append(model)
    measured = latencies(models, domain.example(1), repeats=20, warmup=3)
    rows = [replace(row, latency=found.median) for row, found in zip(rows, measured, strict=True)]
    if out:
        save_weights(out, models[0])
        save_showcase(out, domain.showcase(models[0]) if hasattr(domain, "showcase") else {})
        content = {"epochs": epochs, "latency": measured[0].conditions, "rows": [_row_json(row) for row in rows]}
        write_json(out / "retrain.json", {**content, **inputs(domain)})
    return Retrained(models[0], rows, epochs)


def _train_row(
    space: Space, domain: Domain, name: str, arch: Arch, epochs: int, seeds: int, out: Path | None, progress: bool
) -> tuple[Row, nn.Module]:
    """One architecture, trained and tested once a seed, and its first network."""
    models, tests = [], []
    for repeat in range(seeds):
        file = out and out / f"train-{_slug(name)}-{epochs}-{repeat}.pt"
        with training(f"{name}, seed {repeat + 1} of {seeds}", epochs, progress) as on_epoch:
            trained = train_one(space, domain, arch, epochs, repeat, file, on_epoch)
        models += [] if repeat else [trained]
        tests.append(domain.test(trained))
    return Row(name, arch, cost.parameters(trained), cost.macs(trained.eval(), domain.example(1)), tests), models[0]


def testable(space: Space | None, domain: Any) -> tuple[Space, Domain]:
    """Both, if something found could be trained and tested.

    Raises:
        ValueError: no domain with data, or one without held-out data.
    """
    if space is None or not isinstance(domain, Domain):
        raise ValueError("retraining needs a space and a domain with data; a table has its own `test`")
    if not getattr(domain, "has_test", True):
        raise ValueError(
            "this domain was made without held-out data, so that nothing trained can be tested: make it with some, or"
            " train without a test by domain.fit(result.model(), epochs, final=True)"
        )
    return space, domain


def inputs(domain: Domain) -> dict[str, Any]:
    """What a network of the domain takes and gives, and what was done to its inputs: what an export tells."""
    return {"io": asdict(domain.io), "preprocessing": getattr(domain, "preprocessing", dict)()}


def _budget(domain: Domain) -> int:
    epochs: int | None = getattr(domain, "budget", None)
    if epochs is None:
        raise ValueError(f"{type(domain).__name__} does not say how long to train: give epochs")
    return epochs


def train_one(
    space: Space,
    domain: Domain,
    arch: Arch,
    epochs: int,
    seed: int,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> nn.Module:
    """One network, trained on training and validation data; from its checkpoint if there is one."""
    model = seeded(seed, partial(space.build, arch, domain.io))
    domain.fit(model, epochs, final=True, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch)
    return model


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "arch": list(row.arch),
        "parameters": row.parameters,
        "macs": row.macs,
        "tests": [dict(test) for test in row.tests],
        "latency": row.latency,
    }


def load_rows(path: Path) -> list[Row]:
    """The rows of a run's retraining; none if there was none."""
    file = path / "retrain.json"
    if not file.exists():
        return []
    known = [field.name for field in fields(Row)]
    rows = [{name: row[name] for name in known if name in row} for row in read_json(file)["rows"]]
    return [Row(**{**row, "arch": tuple(row["arch"])}) for row in rows]
