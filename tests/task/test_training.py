"""appnas.task.training: the training loop against steps worked out by hand, and resuming bit for bit."""

from __future__ import annotations

import random
from itertools import chain

import pytest
import torch
from torch import nn

from appnas.space import IO, random_arch
from appnas.spaces import Cells
from appnas.support import seeded
from appnas.task import DivergedError, Recipe, Stream, cosine, fit
from appnas.task.training import set_progress


class Numbers:
    """Pairs (x, y) in batches, in a random order: a domain's data at its smallest."""

    def __init__(self, x, y, size=1, shuffle=True):
        self.x, self.y, self.size, self.shuffle = torch.tensor(x), torch.tensor(y), size, shuffle

    def batches(self, split, rng):
        order = torch.randperm(len(self.x), generator=rng) if self.shuffle else torch.arange(len(self.x))
        for part in order.split(self.size) if len(order) else ():
            yield self.x[part], self.y[part]


def squared(model, batch):
    x, y = batch
    return (model(x[:, None])[:, 0] - y) ** 2


def line(slope=0.0):
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, slope)
    return model


IMAGES = IO((1, 8, 8), (10,))
PLAIN = Recipe(lr=0.1, momentum=0.0, weight_decay=0.0, clip=0.0)


def test_set_progress_reaches_drop_path_alone(digits):
    arch = random_arch(Cells(), random.Random(0))
    model = nn.Sequential(Cells(width=2, depth=3, drop_path=0.3).build(arch, digits.io), nn.ReLU())
    set_progress(model, 0.25)
    found = [m.progress for m in model.modules() if hasattr(m, "progress")]
    assert found and set(found) == {0.25} and not hasattr(model[1], "progress")


def test_one_step_by_hand():
    """x=1, y=2, w=0: loss 4, slope 2 (0 - 2) = -4, w = 0.4; then loss 2.56, slope -3.2."""
    model = line()
    losses = fit(model, Numbers([1.0], [2.0]), "train", squared, 1, PLAIN, 0)
    assert losses == [4.0] and model.weight.item() == pytest.approx(0.4)
    assert not model.training
    model = line()
    recipe = Recipe(lr=0.1, momentum=0.5, weight_decay=0.01, clip=0.0)
    assert fit(model, Numbers([1.0, 1.0], [2.0, 2.0]), "train", squared, 1, recipe, 0) == [pytest.approx(3.28)]
    # second gradient: 2 (0.4 - 2) + 0.01 * 0.4 = -3.196; velocity 0.5 * -4 - 3.196 = -5.196
    assert model.weight.item() == pytest.approx(0.4 + 0.5196)


def test_the_loss_of_an_epoch_weighs_examples_alike():
    data = Numbers([0.0, 0.0, 0.0], [1.0, 1.0, 4.0], size=2, shuffle=False)
    assert fit(line(), data, "train", squared, 1, PLAIN, 0) == [pytest.approx((1 + 1 + 16) / 3)]


def test_clipping_warm_up_and_adam():
    model = line()
    fit(model, Numbers([1.0], [2.0]), "train", squared, 1, Recipe(lr=0.1, momentum=0.0, weight_decay=0.0, clip=1.0), 0)
    assert model.weight.item() == pytest.approx(0.1)  # the gradient -4 is cut to -1
    rates = []
    flat = Recipe(lr=0.1, momentum=0.0, weight_decay=0.0, clip=0.0, warmup=2, lr_min=0.01)

    def slope(model, batch):
        return model(batch[0][:, None])[:, 0]

    model = line()
    fit(model, Numbers([1.0], [0.0]), "train", slope, 6, flat, 0, on_epoch=lambda e, loss: rates.append(loss))
    steps = [-(b - a) for a, b in zip([0.0, *rates[1:]], [*rates[1:], model.weight.item()], strict=True)]
    expected = [0.05, 0.1, *(cosine(k, 4, 0.1, 0.01) for k in range(4))]
    assert steps == pytest.approx(expected, rel=1e-4)  # the slope is 1, so every step is the learning rate
    model = line()
    fit(model, Numbers([1.0], [2.0]), "train", squared, 1, Recipe("adam", lr=0.1, weight_decay=0.0), 0)
    assert model.weight.item() == pytest.approx(0.1)  # Adam's first step has the size of the learning rate


def test_an_empty_split_is_an_error():
    with pytest.raises(ValueError, match="yields no batch: it is empty"):
        fit(line(), Numbers([], []), "train", squared, 1, PLAIN, 0)


def small(drop_path=0.5):
    space = Cells(width=2, depth=3, nodes=2, drop_path=drop_path, auxiliary=False)
    arch = space.discretise(tuple(torch.rand(5, 8, generator=torch.Generator().manual_seed(k)) for k in range(2)))
    return lambda: seeded(0, lambda: space.build(arch, IMAGES))


class Killed(BaseException):
    pass


def dies_at(loss, call):
    calls = iter(range(10_000))

    def dying(model, batch):
        if next(calls) == call:
            raise Killed
        return loss(model, batch)

    return dying


def equal(first, second):
    first, second = first.state_dict(), second.state_dict()
    return list(first) == list(second) and all(torch.equal(first[k], second[k]) for k in first)


def test_training_resumes_bit_for_bit(digits, tmp_path):
    """Four epochs with drop-path, momentum and augmentation, cut off twice in mid-epoch by an exception."""
    make, file = small(), tmp_path / "train.pt"
    recipe = Recipe(lr=0.05, warmup=1)
    alone = make()
    expected = fit(alone, digits, "train", digits.loss, 4, recipe, 3)
    for call in (7, 8):  # five steps an epoch: in epoch 1, then in epoch 2
        torch.manual_seed(call)  # whatever else uses the global generator
        with pytest.raises(Killed):
            fit(make(), digits, "train", dies_at(digits.loss, call), 4, recipe, 3, checkpoint=file)
    assert len(torch.load(file, weights_only=True)["losses"]) == 2
    torch.rand(5)
    resumed = make()
    assert fit(resumed, digits, "train", digits.loss, 4, recipe, 3, checkpoint=file) == expected
    assert equal(alone, resumed)
    again = make()
    assert fit(again, digits, "train", digits.loss, 4, recipe, 3, checkpoint=file) == expected  # nothing left to do
    assert equal(alone, again)


def test_training_depends_on_its_seed_alone(digits):
    make, states = small(), []
    for noise, seed in ((1, 3), (2, 3), (1, 4)):
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        model = make()
        fit(model, digits, "train", digits.loss, 2, Recipe(), seed)
        assert torch.equal(before, torch.get_rng_state())
        states.append(model)
    assert equal(states[0], states[1]) and not equal(states[0], states[2])


def test_a_nan_loss_stops_with_the_step_and_keeps_the_checkpoint(digits, tmp_path):
    file, make = tmp_path / "train.pt", small(0.0)
    calls = iter(range(100))

    def turns_nan(model, batch):
        return digits.loss(model, batch) * (float("nan") if next(calls) == 7 else 1.0)

    with pytest.raises(DivergedError, match="the loss is nan at epoch 1, step 2 of training"):
        fit(make(), digits, "train", turns_nan, 3, Recipe(), 0, checkpoint=file)
    state = torch.load(file, weights_only=True)
    assert len(state["losses"]) == 1
    assert all(torch.isfinite(w).all() for w in state["model"].values())
    cured, alone = make(), make()
    fit(cured, digits, "train", digits.loss, 3, Recipe(), 0, checkpoint=file)
    fit(alone, digits, "train", digits.loss, 3, Recipe(), 0)
    assert equal(cured, alone)


def test_weights_that_blow_up_are_never_saved(tmp_path):
    """One epoch of one step with a learning rate of 1e30: the loss was finite, the weights are not."""
    file = tmp_path / "train.pt"
    wild = Recipe(lr=1e30, momentum=0.0, weight_decay=0.0, clip=0.0)
    with pytest.raises(DivergedError, match="weight holds NaN or infinity after epoch 0"):
        fit(line(), Numbers([1e10], [2.0]), "train", squared, 1, wild, 0, checkpoint=file)
    assert not file.exists()
    with pytest.raises(DivergedError, match=r"the loss is (inf|nan) at epoch 0, step 1"):
        fit(line(), Numbers([1.0, 1.0], [2.0, 2.0]), "train", squared, 1, wild, 0)


def take(stream, n):
    return [next(stream)[0].tolist() for _ in range(n)]


def test_a_stream_is_endless_and_shuffles_every_epoch():
    stream = Stream(Numbers(list(range(10)), [0.0] * 10, size=4), "train", 0)
    epochs = [take(stream, 3) for _ in range(3)]
    assert all(sorted(chain(*epoch)) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert take(Stream(stream.data, "train", 0), 9) == list(chain(*epochs))
    assert take(Stream(stream.data, "train", 1), 3) != epochs[0]
    assert iter(stream) is stream


@pytest.mark.parametrize("taken", [0, 1, 4, 5, 7, 10, 13])
def test_a_stream_resumes_in_the_middle_of_an_epoch(digits, taken):
    """Five augmented batches an epoch; the state is taken before, in, and at the end of epochs."""
    stream = Stream(digits, "train", 3)
    for _ in range(taken):
        next(stream)
    state = stream.state_dict()
    rest = [next(stream) for _ in range(8)]
    fresh = Stream(digits, "train", 99)
    next(fresh)
    fresh.load_state_dict(state)
    for x, y in rest:
        a, b = next(fresh)
        assert torch.equal(a, x) and torch.equal(b, y)


def test_a_stream_lets_an_epoch_skip_what_was_taken():
    class Epoch:
        def __init__(self, rng):
            self.left = torch.randperm(5, generator=rng).tolist()

        def __iter__(self):
            return self

        def __next__(self):
            if not self.left:
                raise StopIteration
            given.append(self.left[0])
            return self.left.pop(0)

        def skip(self, count):
            skipped.append(count)
            del self.left[:count]

    class Skipping:
        def batches(self, split, rng):
            return Epoch(rng)

    given, skipped = [], []
    stream = Stream(Skipping(), "train", 0)
    for taken in (3, 2, 0, 4):  # across the end of epochs, too
        for _ in range(taken):
            next(stream)
        state = stream.state_dict()
        resumed = Stream(Skipping(), "train", 1)
        before = len(given)
        resumed.load_state_dict(state)
        assert (
            len(given) == before and skipped[-1] == state["taken"] and resumed.state_dict()["taken"] == state["taken"]
        )
        expected = [next(stream) for _ in range(6)]
        assert [next(resumed) for _ in range(6)] == expected


def test_a_stream_takes_lists_too():
    class Listed:
        def batches(self, split, rng):
            return [1, 2, 3]

    stream = Stream(Listed(), "train", 0)
    assert [next(stream) for _ in range(7)] == [1, 2, 3, 1, 2, 3, 1]


def test_an_empty_stream_is_an_error():
    stream = Stream(Numbers([], []), "valid", 0)
    with pytest.raises(ValueError, match="split 'valid' yields no batch: it is empty"):
        next(stream)


def test_the_best_epoch_is_kept_and_survives_an_interruption(regression, tmp_path):
    """The numbers 3, 1, 2, NaN: the weights after the second epoch, also when the training is cut in two."""
    numbers, seen = iter([3.0, 1.0, 2.0, float("nan")]), []

    def select(model):
        seen.append(model.weight.detach().clone())
        return next(numbers)

    def network():
        torch.manual_seed(0)
        return nn.Linear(3, 1)

    whole = network()
    fit(whole, regression, "train", regression.loss, 4, Recipe(), 0, select=select)
    assert torch.equal(whole.weight, seen[1]) and not torch.equal(seen[1], seen[3])

    numbers, file = iter([3.0, 1.0, 2.0, float("nan")]), tmp_path / "training.pt"

    def kill(epoch, loss):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(network(), regression, "train", regression.loss, 4, Recipe(), 0, file, kill, select)
    numbers, again = iter([2.0, float("nan")]), network()
    fit(again, regression, "train", regression.loss, 4, Recipe(), 0, file, None, select)
    assert torch.equal(again.weight, whole.weight)


def looked_at(regression, epochs, file, numbers, cut=None, stop=None, **more):
    """A training whose looks find the given numbers: the weights at its end, those at every look, its losses."""
    torch.manual_seed(0)
    model, seen, left = nn.Linear(3, 1), [], iter(numbers)

    def select(model):
        seen.append(model.weight.detach().clone())
        return next(left)

    def on_epoch(epoch, loss):
        if epoch == cut:
            raise KeyboardInterrupt
        return epoch == stop

    losses = fit(model, regression, "train", regression.loss, epochs, Recipe(), 0, file, on_epoch, select, **more)
    assert next(left, None) is None
    return model.weight.detach(), seen, losses


def test_every_other_epoch_and_the_last_are_looked_at(regression, tmp_path):
    """Numbers after 2, 4, 6 and 7 of 7 epochs, the least after 4: the same, whatever the epoch it was cut in."""
    numbers, weights = [3.0, 1.0, 2.0, 1.5], None
    for cut, before in ((None, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3)):
        file = tmp_path / f"{cut}.pt"
        if cut:
            with pytest.raises(KeyboardInterrupt):
                looked_at(regression, 7, file, numbers, cut, every=2)
        found, seen, _ = looked_at(regression, 7, file, numbers[before:], every=2)
        weights = seen[1] if weights is None else weights
        assert torch.equal(found, weights) and len(seen) == 4 - before
    assert torch.equal(weights, looked_at(regression, 7, None, [1.0] * 7)[1][3])  # looks change no training


def test_a_training_ends_when_its_patience_does_and_stays_ended(regression, tmp_path):
    """Every 2 of 20 epochs, patience 3: the least after 4, so 6 is too early and 8 ends it."""
    numbers, more = [3.0, 1.0, float("nan"), 2.0], {"every": 2, "patience": 3}
    found, seen, losses = looked_at(regression, 20, tmp_path / "1.pt", numbers, **more)
    assert len(losses) == 8 and torch.equal(found, seen[1])
    again, looks, told = looked_at(regression, 20, tmp_path / "1.pt", [], **more)
    assert torch.equal(again, found) and told == losses and not looks
    for cut, before in ((5, 2), (7, 3), (8, 3)):
        with pytest.raises(KeyboardInterrupt):
            looked_at(regression, 20, tmp_path / f"{cut}.pt", numbers, cut, **more)
        again, _, told = looked_at(regression, 20, tmp_path / f"{cut}.pt", numbers[before:], **more)
        assert torch.equal(again, found) and told == losses
    with pytest.raises(ValueError, match="stop_after 3, now 4"):
        looked_at(regression, 20, tmp_path / "1.pt", [], every=2, patience=4)


def test_a_stop_between_two_looks_keeps_the_better_weights_and_leaves_no_trace(regression, tmp_path):
    straight, seen, _ = looked_at(regression, 6, None, [1.0, 2.0, 3.0], every=2)
    assert torch.equal(straight, seen[0])
    for _ in range(2):  # the second time from its checkpoint, which does not know of the look after 3
        numbers = [0.5] if (tmp_path / "1.pt").exists() else [1.0, 0.5]
        found, seen, losses = looked_at(regression, 6, tmp_path / "1.pt", numbers, stop=3, every=2)
        assert torch.equal(found, seen[-1]) and not torch.equal(found, straight) and len(losses) == 3
    assert torch.equal(looked_at(regression, 6, tmp_path / "1.pt", [2.0, 3.0], every=2)[0], straight)


def test_looks_that_there_cannot_be(regression):
    for wrong in ({"every": 0}, {"patience": -1}):
        with pytest.raises(ValueError, match="every is at least 1 and patience at least 0"):
            looked_at(regression, 1, None, [], **wrong)
