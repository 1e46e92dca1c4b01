"""What every method must do, from its configuration to a resumed run."""

from __future__ import annotations

import dataclasses
import math
import statistics
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

import appnas
from appnas.cost import peak_bytes, supernet_memory
from appnas.estimate import Evaluator
from appnas.loop import Callback, CollapseWarning, Loop, Observer, Record, SearchResult, furthest
from appnas.run import Run, catalogue, create
from appnas.space import Space, check, full_mask
from appnas.support.plain import from_plain, plain
from appnas.task import Domain, Locked
from appnas.testing.parts import fits, identical, reachable, round_trip


class KilledError(Exception):
    """Raised in the middle of a search by a test."""


class Killer(Observer):
    """Save a run after one step, kill the search after a later one.

    Args:
        run: the run to save.
        save: step after which to save; 0 for never.
        kill: step after which to raise.
    """

    def __init__(self, run: Run, save: int, kill: int):
        self.run, self.save, self.kill = run, save, kill

    def step(self, loop: Loop, record: Record) -> None:
        """Save, or raise.

        Raises:
            KilledError: at the step set.
        """
        if loop.step == self.save:
            self.run.save(loop)
        if loop.step == self.kill:
            raise KilledError


class Sealed(Locked):
    """A domain that fails the test which reads its held-out data, whatever catches a PermissionError."""

    def test(self, model: nn.Module) -> dict[str, float]:
        """Never to be called."""
        raise AssertionError("the method read test data")

    def fit(self, model: nn.Module, budget: int, *, final: bool = False, **more: Any) -> None:
        """Train on the training data only."""
        assert not final, "the method trained on validation data"
        super().fit(model, budget, **more)


class MethodSuite:
    """Tests of a method of the catalogue.

    Attributes to give: `method`, its name, and `settings`, fields of its configuration that make it tiny (6 to 49
    steps). Fixtures to give: `space`, and `domain`, a domain or an evaluator.
    """

    method: str
    settings: Mapping[str, Any]

    def search(self, space: Space, domain: Any, seed: int = 0, callbacks: Sequence[Callback] = ()) -> SearchResult:
        """The method itself, on a domain without test data."""
        chosen = catalogue.method(self.method)
        data = Sealed(domain) if isinstance(domain, Domain) else domain
        result: SearchResult = chosen.search(
            space, data, chosen.config(**self.settings), seed=seed, callbacks=callbacks
        )
        return result

    def state(self, result: SearchResult) -> Any:
        """All that a search ends with, as bits."""
        return round_trip(
            {
                "history": [[list(record.arch), record.value, dict(record.metrics)] for record in result.history],
                "strategy": result.strategy.state_dict(),
                "evaluator": result.evaluator.state_dict(),
                "best": list(result.best),
            }
        )

    def test_configuration(self) -> None:
        """Frozen, usable without arguments; the settings of this test are among its fields; the paper is named."""
        import pytest

        chosen = catalogue.method(self.method)
        config = chosen.config()
        names = {field.name for field in dataclasses.fields(config)}
        assert set(self.settings) <= names
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, min(names), None)
        assert "arXiv" in chosen.paper
        assert from_plain(chosen.config, plain(config)) == config

    def test_result_is_complete(self, space: Space, domain: Any) -> None:
        """A valid best, a history without holes, and what is needed to repeat it."""
        result = self.search(space, domain)
        assert check(space, result.best) == result.best
        assert [record.step for record in result.history] == list(range(len(result.history)))
        assert len(result.history) >= 6, "settings for at least six steps are needed"
        for record in result.history:
            assert check(space, record.arch) == record.arch
            assert math.isfinite(record.value)
        again: list[float] = getattr(result.strategy, "ranked", list)()
        if again:
            assert math.isclose(result.value, statistics.fmean(again))
        else:
            assert result.value == max(record.value for record in furthest(result.history))
        assert {"config", "seed", "versions"} <= set(result.info)
        assert result.info["seed"] == 0
        wanted = dataclasses.asdict(catalogue.method(self.method).config(**self.settings))
        assert {name: result.info["config"][name] for name in self.settings} == {n: wanted[n] for n in self.settings}
        assert result.space is space

    def test_seeds(self, space: Space, domain: Any) -> None:
        """One seed, the same bits to the last weight; another seed, another history."""
        first = self.state(self.search(space, domain))
        torch.manual_seed(12345)
        assert identical(self.state(self.search(space, domain)), first)
        assert not identical(self.state(self.search(space, domain, seed=1))["history"], first["history"])

    def test_resumes_bit_for_bit(self, space: Space, domain: Any, tmp_path: Path) -> None:
        """Killed twice, once after the last save and once before the first, and as if never killed."""
        import pytest

        torch.manual_seed(0)
        whole = self.state(self.search(space, domain))
        path = create(tmp_path / "run", {})
        for save, kill in ((0, 2), (2, 3), (4, 5)):
            run = Run(path, every=math.inf, events=False)
            torch.manual_seed(0)
            with pytest.raises(KilledError):
                self.search(space, domain, callbacks=[run, Killer(run, save, kill)])
        torch.manual_seed(99)
        run = Run(path, every=math.inf, events=False)
        assert identical(self.state(self.search(space, domain, callbacks=[run])), whole)

    def test_memory(self, space: Space, domain: Any) -> None:
        """At most 1.3 times what the catalogue's `memory` says, at least an eighth; where there is a supernet."""
        chosen = catalogue.method(self.method)
        stated = chosen.memory(space, chosen.config(**self.settings))
        if chosen.needs != "gates" or stated is None:
            return
        gates = tuple(matrix.float().requires_grad_() for matrix in full_mask(space.choices))
        batch = getattr(getattr(domain, "options", None), "batch", 1)
        one = supernet_memory(space.supernet(domain.io), gates, domain, batch)
        need = stated.passes * one.activations + stated.supernets * one.weights
        measured = peak_bytes(lambda: self.search(space, domain))
        small = 2**16  # what a toy's data and logits take
        told = f"{measured / 2**20:.2f} MiB, {need / 2**20:.2f} were stated"
        assert need / 8 - small < measured < 1.3 * need + small, told

    def test_strategy_reaches_no_data(self, space: Space, domain: Any) -> None:
        """The strategy that a search ends with knows neither the domain nor the evaluator."""
        strategy = self.search(space, domain).strategy
        assert not [item for item in reachable(strategy) if isinstance(item, Domain | Evaluator)]

    def test_one_call(self, space: Space, domain: Any, tmp_path: Path) -> None:
        """`appnas.search` finds the same, keeps a run, and `appnas.resume` reads it; the result builds its model."""
        warnings.simplefilter("ignore", CollapseWarning)  # so short a search may well; pytest restores the filters
        result = appnas.search(space, domain, self.method, out=tmp_path / "run", **self.settings)
        assert identical(self.state(result), self.state(self.search(space, domain)))
        again = appnas.resume(tmp_path / "run", space=space, domain=domain)
        assert identical(self.state(again), self.state(result))
        if isinstance(domain, Domain):
            out = result.model().eval()(*domain.example(2))
            fits(out, domain.io, None, "the result's network")
