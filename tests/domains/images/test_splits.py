"""appnas.domains.images.splits."""

import pytest
import torch
from picture_sets import Endless, Pictures

from appnas.compute import CPU, Compute, compute_of
from appnas.domains.images import Images, Options, splits
from appnas.domains.images.reading import Flow
from appnas.domains.images.reading.decoding import first_form
from appnas.domains.images.reading.rows import Rows
from appnas.domains.images.splits import cut, first, halves, listed, on_device, own
from appnas.support import DataError
from appnas.task import placed

META = torch.device("meta")


def rows(count=10):
    data = Pictures(count)
    return Rows(data, first_form(data[0][0], 4, "crop", 1))


def flow(count=10):
    return Flow(Endless(), first_form(torch.rand(3, 8, 8), 0, "crop", 1), count, range(4), "train")


def test_rows_are_picked_as_tensors_are():
    x, y, places = torch.arange(10.0)[:, None, None, None], torch.arange(10) % 4, torch.tensor([7, 2])
    assert cut((x, y), places)[0].flatten().tolist() == [7, 2]
    picked, labels = cut((rows(), y), places)
    assert picked.index.tolist() == [7, 2] and labels.tolist() == [3, 2]
    assert cut((rows(), None), slice(3))[1] is None
    assert len(first((flow(), None), 4)[0]) == 4 and len(first((x, y), 4)[0]) == 4
    with pytest.raises(ValueError, match="iterable data cannot be picked from"):
        cut((flow(), None), slice(3))


def test_halves_are_drawn_alike_and_share_their_memory():
    x, y = torch.arange(10.0)[:, None, None, None], torch.arange(10)
    in_memory, read = halves((x, y), 0.3, 5), halves((rows(), y), 0.3, 5)
    for name, count in (("train", 7), ("valid", 3), ("all", 10)):
        assert in_memory[name][0].flatten().tolist() == in_memory[name][1].tolist() == read[name][0].index.tolist()
        assert len(in_memory[name][1]) == count
        assert in_memory[name][0].untyped_storage().data_ptr() == in_memory["all"][0].untyped_storage().data_ptr()


def test_own_splits():
    both = own((rows(5), torch.zeros(5)), (rows(3), torch.ones(3)))
    assert len(both["all"][0]) == 8 and both["all"][1].tolist() == [0] * 5 + [1] * 3
    assert own((rows(5), None), (rows(3), torch.ones(3)))["all"][1] is None
    train = (flow(), None)
    assert own(train, (rows(3), None))["all"] is train


def test_listed_labels():
    split = (rows(), torch.zeros(10))
    assert listed(split, "this") is split
    with pytest.raises(ValueError, match=r"this needs labels that are listed, .* an attribute `targets`"):
        listed((rows(), None), "this")
    with pytest.raises(ValueError, match="this needs data whose items can be picked"):
        listed((flow(), None), "this")


@pytest.mark.parametrize(("free", "where"), [(4 * 60 * 12 + 1, META), (4 * 60 * 12, CPU), (None, CPU)])
def test_images_live_on_a_device_if_a_quarter_of_what_is_free_holds_them(monkeypatch, free, where):
    """40 training and 20 test images of 12 bytes."""
    monkeypatch.setattr(splits, "free_bytes", lambda device: free)
    x, y = torch.arange(480, dtype=torch.uint8).view(40, 3, 2, 2), torch.arange(40) % 2
    domain = Images(x, y, x[:20], y[:20], Options(crop=0, batch=8)).random_labels(0)
    there, held = on_device(domain._splits, domain._held_out, META)
    assert {part.device for pair in [*there.values(), held] for part in pair} == {where}
    assert [tuple(there[name][0].shape) for name in ("train", "valid", "all")] == [
        (20, 3, 2, 2), (20, 3, 2, 2), (40, 3, 2, 2)
    ]  # fmt: skip
    if where == CPU:
        for name, (images, labels) in there.items():
            assert torch.equal(images, domain._split(name)[0]) and torch.equal(labels, domain._split(name)[1])


def test_a_placed_domain_gathers_there(monkeypatch):
    monkeypatch.setattr(splits, "free_bytes", lambda device: 2**30)
    x, y = torch.rand(40, 3, 4, 4), torch.arange(40) % 2
    domain = Images(x, y, options=Options(crop=1, cutout=0.5, batch=8))
    there = domain.placed(Compute(META))
    for (a, b), (c, d) in zip(*(some.batches("train", torch.Generator()) for some in (there, domain)), strict=True):
        assert a.device == b.device == META and a.shape == c.shape and b.shape == d.shape
    assert (
        domain._split("train")[0].device == CPU and compute_of(domain) == Compute() and there.options == domain.options
    )
    some = Images.of(Pictures(), options=Options(side=8, batch=4)).placed(Compute(META))
    assert all(a.device == b.device == META for a, b in some.batches("valid", torch.Generator()))


@pytest.mark.parametrize("lazy", [False, True])
def test_several_processes_read_their_own_rows_of_the_same_batches(lazy):
    options = Options(side=8, batch=5, crop=1, cutout=0.3)
    domain = Images.of(Pictures(), options=options)
    if not lazy:
        x = torch.arange(22 * 64, dtype=torch.float32).reshape(22, 1, 8, 8)
        domain = Images(x, torch.arange(22) % 3, options=options)
    whole = list(domain.batches("train", torch.Generator().manual_seed(3)))
    parts = [
        list(placed(domain, Compute(processes=2, rank=rank)).batches("train", torch.Generator().manual_seed(3)))
        for rank in range(2)
    ]
    for (x, y), (a, b), (c, d) in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([a, c]), x) and torch.equal(torch.cat([b, d]), y) and len(a) != len(x)
    with pytest.raises(DataError, match="a batch of 5 has no row for each of 6 processes"):
        next(iter(placed(domain, Compute(processes=6)).batches("train", torch.Generator())))
