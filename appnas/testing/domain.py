"""What every domain must do."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from appnas.task import Batch, DifferentiableDomain, Domain, Locked, Stream
from appnas.testing.parts import fits, identical, round_trip


class DomainSuite:
    """Tests of a domain: training, scores, and, for a differentiable domain, batches and loss.

    Fixture to give: `domain`, a small one whose models train in a second.
    """

    budget = 1
    """Epochs, or environment steps, of a training."""

    def network(self, domain: Domain) -> nn.Module:
        """A small model of the domain, the same at every call. Override where inputs are not one tensor of floats."""
        torch.manual_seed(0)
        sizes = math.prod(domain.io.inputs), math.prod(domain.io.outputs)
        return nn.Sequential(nn.Flatten(), nn.Linear(*sizes), nn.Unflatten(1, domain.io.outputs))

    def identify(self, domain: Domain, split: str) -> Iterable[Hashable] | None:
        """A key for every example of a split, to check that splits are disjoint; None if there is no telling."""
        return None

    def differentiable(self, domain: Domain) -> DifferentiableDomain:
        """The domain, or a skip."""
        if not isinstance(domain, DifferentiableDomain):
            import pytest

            pytest.skip("the domain offers no batches and no loss")
        return domain

    def epoch(self, domain: DifferentiableDomain, split: str, seed: int) -> list[Batch]:
        """The batches of one epoch."""
        return list(domain.batches(split, torch.Generator().manual_seed(seed)))

    def test_is_a_domain(self, domain: Domain) -> None:
        """The protocol; sizes that cannot be changed; examples that a model can read."""
        assert isinstance(domain, Domain)
        hash(domain.io)
        inputs = domain.example(2)
        assert isinstance(inputs, tuple)
        out = self.network(domain)(*inputs)
        fits(out, domain.io, None, "the suite's network")
        assert identical(domain.example(2), inputs)

    def test_fit(self, domain: Domain) -> None:
        """Training changes the model, the same way for the same seed, and leaves it usable."""
        models = [self.network(domain) for _ in range(3)]
        before = {name: value.clone() for name, value in models[0].state_dict().items()}
        for model, seed in zip(models, (0, 0, 1), strict=True):
            domain.fit(model, self.budget, seed=seed)
        assert not identical(models[0].state_dict(), before)
        assert identical(models[0].state_dict(), models[1].state_dict())
        assert not identical(models[0].state_dict(), models[2].state_dict())
        assert torch.isfinite(models[0](*domain.example(2))).all()
        domain.fit(models[0], self.budget, final=True, seed=0)
        assert math.isfinite(domain.score(models[0])["value"])

    def test_stops_and_goes_on(self, domain: Domain, tmp_path: Path) -> None:
        """Stopped by `on_epoch` and gone on from the checkpoint, it is as if trained straight through, bit for bit."""
        straight, parts = self.network(domain), self.network(domain)
        domain.fit(straight, 3 * self.budget, on_epoch=lambda done, loss: done >= 2 * self.budget)
        for rung in (1, 2, 2):  # the last finds nothing to do
            parts, seen, until = self.network(domain), set[int](), rung * self.budget

            def reached(done: int, loss: float, seen: set[int] = seen, until: int = until) -> bool:
                seen.update({done} if done >= until else ())
                return done >= until

            domain.fit(parts, 3 * self.budget, checkpoint=tmp_path / "training.pt", on_epoch=reached)
            assert len(seen) == 1, f"asked to stop at {until}, `fit` has told {sorted(seen)} from there on"
        assert not parts.training and identical(parts.state_dict(), straight.state_dict())

    def test_score(self, domain: Domain) -> None:
        """Finite numbers with a "value"; the same twice; the model's weights untouched."""
        model = self.network(domain)
        domain.fit(model, self.budget)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        metrics = domain.score(model)
        assert "value" in metrics
        assert all(isinstance(value, float) and math.isfinite(value) for value in metrics.values()), metrics
        assert domain.score(model) == metrics
        assert identical(model.state_dict(), before)

    def test_training_raises_the_value(self, domain: Domain) -> None:
        """What `fit` improves is what `score` measures."""
        model = self.network(domain)
        before = domain.score(model)["value"]
        domain.fit(model, 5 * self.budget)
        assert domain.score(model)["value"] > before

    def test_held_out_data(self, domain: Domain, monkeypatch: Any) -> None:
        """`test` gives finite numbers; training and scoring do without it; a locked domain refuses it."""
        import pytest

        model = self.network(domain)
        metrics = domain.test(model)
        assert metrics and all(math.isfinite(value) for value in metrics.values()), metrics

        def refuse(*arguments: Any) -> None:
            raise AssertionError("test data read before the search has ended")

        monkeypatch.setattr(type(domain), "test", refuse)
        domain.fit(model, self.budget)
        domain.score(model)
        locked = Locked(domain)
        with pytest.raises(PermissionError):
            locked.test(model)
        with pytest.raises(PermissionError):
            locked.fit(model, self.budget, final=True)

    def test_batches(self, domain: Domain) -> None:
        """As many as `epoch` says; the same seed, the same batches; another seed, another order."""
        data = self.differentiable(domain)
        for split in ("train", "valid"):
            batches = self.epoch(data, split, 0)
            assert len(batches) == data.epoch(split) >= 1
            assert identical(self.epoch(data, split, 0), batches)
            if len(batches) > 1:
                assert not identical(self.epoch(data, split, 1), batches)

    def test_unknown_split(self, domain: Domain) -> None:
        """Refused with the names of the valid ones."""
        import pytest

        data = self.differentiable(domain)
        with pytest.raises(ValueError, match="train"):
            list(data.batches("no such split", torch.Generator()))
        with pytest.raises(ValueError, match="train"):
            data.epoch("no such split")

    def test_splits_are_disjoint(self, domain: Domain) -> None:
        """No example is in both splits."""
        splits = [self.identify(domain, split) for split in ("train", "valid")]
        if splits[0] is None or splits[1] is None:
            import pytest

            pytest.skip("examples of this domain cannot be told apart")
        train, valid = (set(split) for split in splits if split is not None)
        assert train and valid
        assert not train & valid

    def test_loss(self, domain: Domain) -> None:
        """One number an example, finite, differentiable; its mean goes down in training."""
        data = self.differentiable(domain)
        model = self.network(domain)
        for split in ("train", "valid"):
            batch = self.epoch(data, split, 0)[0]
            loss = data.loss(model, batch)
            assert loss.dim() == 1 and len(loss) == len(data.loss(model, batch)) > 0
            assert torch.isfinite(loss).all()
            (gradient,) = torch.autograd.grad(loss.sum(), [next(model.parameters())])
            assert gradient.any()
        batch = self.epoch(data, "train", 0)[0]
        before = float(data.loss(model, batch).mean().detach())
        domain.fit(model, 5 * self.budget)
        assert float(data.loss(model, batch).mean().detach()) < before

    def test_a_stream_resumes_exactly(self, domain: Domain) -> None:
        """Within an epoch, and across its end."""
        data = self.differentiable(domain)
        per_epoch = data.epoch("train")
        whole = list(islice(Stream(data, "train", 0), 2 * per_epoch + 2))
        for taken in {0, 1, per_epoch, per_epoch + 1}:
            stream = Stream(data, "train", 0)
            assert identical(list(islice(stream, taken)), whole[:taken])
            resumed = Stream(data, "train", 1)
            resumed.load_state_dict(round_trip(stream.state_dict()))
            assert identical(list(islice(resumed, len(whole) - taken)), whole[taken:])
