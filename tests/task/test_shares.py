"""Which part of a batch a process trains on."""

from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch

from appnas.compute import Compute
from appnas.domains.text.domain import Carry
from appnas.support import DataError
from appnas.task.shares import own_part


class Pair(NamedTuple):
    x: object
    y: object


def data(rank=0, size=2, **more):
    return SimpleNamespace(compute=Compute(processes=size, rank=rank), **more)


def test_rows_of_all_kinds_of_batches():
    x, y = torch.arange(10).view(5, 2), torch.arange(5)
    first, second = (own_part(data(rank), Pair([x, 0.5], {"y": y, "whole": torch.tensor(3)})) for rank in (0, 1))
    assert isinstance(first, Pair) and first.x[0].tolist() == [[0, 1], [2, 3]] and second.y["y"].tolist() == [2, 3, 4]
    assert first.x[1] == 0.5 and int(second.y["whole"]) == 3


def test_one_process_has_the_batch_itself_and_so_has_one_whose_domain_shares():
    batch = (torch.zeros(3), torch.zeros(3))
    assert own_part(SimpleNamespace(), batch) is batch
    assert own_part(data(1, shares=True), batch) is batch


def test_a_hidden_state_is_cut_along():
    carry = Carry(torch.arange(4.0).view(4, 1))
    _, part = own_part(data(1), (torch.zeros(4, 2), carry))
    assert part.before.tolist() == [[2.0], [3.0]]
    assert part.to(torch.device("cpu")) is part and part.after is carry.after


def test_what_has_no_rows_in_common_is_refused(ring):
    graph = next(iter(ring.batches("train", torch.Generator())))
    with pytest.raises(DataError, match="several processes share the rows of each batch, and a Batch cannot be cut"):
        own_part(data(), graph)
    with pytest.raises(DataError, match=r"its parts have Graph rows .*: take processes=1 instead of 2"):
        own_part(data(), [type("Graph", (), {"to": None})()])
    with pytest.raises(DataError, match="a batch of 1 has no row for each of 2 processes: take larger batches"):
        own_part(data(), (torch.zeros(1, 3),))
    with pytest.raises(DataError, match="its parts have no rows"):
        own_part(data(), (3,))
