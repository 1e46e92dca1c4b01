"""appnas.domains.images.reading.loading."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_sets import Endless, Noisy, Pictures

from appnas.domains.images.reading.decoding import first_form
from appnas.domains.images.reading.flow import Flow
from appnas.domains.images.reading.loading import Epoch, everything, loaded, sampled, statistics
from appnas.domains.images.reading.rows import Rows
from appnas.support import DataError
from appnas.testing.parts import identical

FORM = first_form(torch.rand(3, 8, 8), 0, "crop", 1)


def parts(*sizes):
    return torch.split(torch.arange(sum(sizes)).flip(0), sizes)


class Pid(Noisy):
    """Whose pixels are the process that read them, and which raises at one item."""

    def __init__(self, fault=-1):
        super().__init__()
        self.fault = fault

    def __getitem__(self, i):
        if i == self.fault:
            raise RuntimeError("no such\nkey")
        return torch.full((3, 8, 8), float(os.getpid())), i % 4


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_any_number_of_workers_reads_the_same(workers):
    before = torch.get_rng_state()
    batches = list(loaded(Rows(Noisy(), FORM), parts(3, 2, 4), 5, workers))
    assert [y.tolist() for _, y in batches] == [[0, 3, 2], [1, 0], [3, 2, 1, 0]]
    assert identical(batches, list(loaded(Rows(Noisy(), FORM), parts(3, 2, 4), 5, 0)))
    flow = list(loaded(Flow(Endless(), FORM, 9, range(4), "train"), parts(3, 3, 3), 5, workers))
    assert identical(flow, list(Flow(Endless(), FORM, 9, range(4), "train").read(3, 5)))
    assert torch.equal(torch.get_rng_state(), before)  # torch's own loader would draw from it


def test_workers_are_other_processes():
    for workers, count in ((0, 1), (2, 2)):
        batches = loaded(Rows(Pid(), FORM), parts(2, 2, 2, 2), 0, workers)
        pids = {int(x[0, 0, 0, 0]) for x, _ in batches}
        assert len(pids) == count and (os.getpid() in pids) == (workers == 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault_in_a_worker_is_told_as_in_this_process(workers):
    batches = loaded(Rows(Pid(2), FORM), parts(2, 2, 2), 0, workers)
    next(batches)
    with pytest.raises(DataError, match=r"^item 2 of Pid: reading it raises RuntimeError: no such key$"):
        next(batches)
    with pytest.raises(DataError, match="image 0 in the order of the train data"):
        list(loaded(Flow(Wrong(), FORM, 9, range(4), "train"), parts(3), 0, workers))


class Wrong(Endless):
    def __iter__(self):
        raise OSError("gone")
        yield


def test_tensors_are_gathered_where_they_are():
    x = torch.rand(9, 3, 8, 8)
    batches = list(loaded(x, parts(2, 2)))
    assert torch.equal(batches[0][0], x[[3, 2]]) and batches[0][1] is None
    assert [len(x) for x, _ in everything(x, 4)] == [4, 4, 1]
    assert [y.tolist() for _, y in everything(Rows(Noisy(6), FORM), 4)] == [[0, 1, 2, 3], [0, 1]]
    assert [len(x) for x, _ in everything(Flow(Endless(), FORM, 6, range(4), "test"), 4)] == [4, 2]


def test_skipped_batches_are_not_run():
    def run(skip):
        ran.append(skip)
        yield from range(skip, 5)

    ran = []
    epoch = Epoch(run)
    epoch.skip(1)
    epoch.skip(2)
    assert ran == [] and list(epoch) == [3, 4] and ran == [3]
    with pytest.raises(RuntimeError, match="skipped before the first one is taken"):
        epoch.skip(1)


def test_statistics_by_hand():
    x = torch.tensor([[[[1.0, 2.0]], [[5.0, 5.0]]], [[[3.0, 6.0]], [[5.0, 5.0]]]])  # two images of two channels
    mean, std = statistics(iter([x[:1], x[1:]]))
    assert mean.flatten().tolist() == [3.0, 5.0]
    assert std.flatten().tolist() == pytest.approx([(14 / 3) ** 0.5, 1e-6], abs=2e-6)
    noise = torch.rand(50, 3, 4, 4)
    mean, std = statistics(iter(noise.split(7)))
    assert torch.allclose(mean.flatten(), noise.mean((0, 2, 3))) and mean.shape == (1, 3, 1, 1)
    assert torch.allclose(std.flatten(), noise.std((0, 2, 3)), atol=1e-5)


def test_a_sample_is_at_most_so_many():
    data = Pictures(100)
    rows = Rows(data, first_form(data[0][0], 4, "crop", 1))
    data.read.clear()
    assert sum(map(len, sampled(rows, 70))) == 70 == len(set(data.read))
    first = data.read.copy()
    assert sum(map(len, sampled(rows, 70))) == 70 and data.read[70:] == first != list(range(70))
    assert sum(map(len, sampled(Flow(Endless(), FORM, None, range(4), "test"), 70))) == 70


class Worker(Noisy):
    """Images of 192 KiB whose pixels are the memory of the process that read them, MiB."""

    def __getitem__(self, i):
        memory = int(Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0]) / 1024
        return np.full((3, 128, 128), memory, np.float32), 0


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read as Linux tells it")
def test_the_memory_of_a_worker_does_not_grow():
    """A hundred batches of 6 MiB; batches that are copied into shared memory tear the heap instead."""
    form = first_form(torch.rand(3, 128, 128), 0, "crop", 1)
    rows = Rows(Worker(3200), form)
    seen = [float(x[-1, 0, 0, 0]) for x, _ in loaded(rows, torch.split(torch.arange(3200), 32), 0, 1)]
    assert len(seen) == 100 and max(seen[50:]) < max(seen[5:15]) + 30
