"""What processes say to each other, as far as one process shows it; two are in tests/test_several_processes.py."""

import pytest
import torch

from appnas.compute import (
    PeerError,
    Share,
    alike,
    anyone,
    copied,
    gathered,
    joined,
    led,
    mean_over,
    parted,
    started,
    sum_gradients,
    synchronised_by,
    synchronising,
    total,
)  # fmt: skip
from appnas.compute.distributed import STARTED


def test_the_rows_of_all_processes_are_the_batch():
    for count, size in ((8, 2), (7, 2), (3, 3), (10, 4)):
        parts = [list(range(count))[Share(rank, size).rows(count)] for rank in range(size)]
        assert [row for part in parts for row in part] == list(range(count)) and all(parts)
    assert Share().leads and Share(0, 2).leads and not Share(1, 2).leads


@pytest.fixture
def environment(monkeypatch):
    """The environment of processes that torchrun started, so many; without a number, none of it."""

    def tell(size=None):
        for name in STARTED:
            monkeypatch.delenv(name, raising=False)
            if size is not None:
                monkeypatch.setenv(name, str(size) if name == "WORLD_SIZE" else "0")

    tell()
    return tell


def test_processes_that_nobody_started(environment):
    assert joined(1) == Share(0, 1) and started() == 1
    with pytest.raises(
        ValueError, match=r"processes=2 are started by torchrun, this one was not \(the environment has"
    ):
        joined(2)
    with pytest.raises(ValueError, match=r"the right command: torchrun --nproc-per-node=2 script\.py, or torchrun"):
        joined(2)


def test_other_processes_than_asked_for(environment):
    environment(3)
    assert started() == 3
    with pytest.raises(ValueError, match="processes=2, but 3 were started; the right command: torchrun --nproc"):
        joined(2)
    with pytest.raises(ValueError, match=r"with processes=1 each would search by itself: give processes=3"):
        joined(1)
    with pytest.raises(ValueError, match="train on CPUs or CUDA devices, got the device 'mps': take processes=1"):
        joined(3, "mps")


def test_one_process_does_all_by_itself_and_changes_nothing():
    share, x = Share(), torch.tensor([1.0, 3.0], requires_grad=True)
    assert led(share, lambda: 3) == 3 == alike(share, lambda: 3)
    assert anyone(share, True) and not anyone(share, False)
    assert copied([x], share)[0] is x and total(x, share) is x and gathered(x, 2, share) is x
    mean, count = mean_over(x, share)
    assert mean.item() == 2.0 and count == 2
    mean.backward()
    before = x.grad
    sum_gradients([x], share)
    assert x.grad is before


def test_what_carries_no_gradient_is_not_wrapped():
    fixed, share = torch.ones(2), Share(0, 2)
    assert copied([fixed], share)[0] is fixed
    with torch.no_grad():
        attached = torch.ones(2, requires_grad=True)
        assert copied([attached], share)[0] is attached


def test_a_lost_process_is_told_with_what_to_do():
    with pytest.raises(PeerError, match=r"it ended\. Go on with: appnas resume run"):
        with parted(lambda: "Go on with: appnas resume run"):
            raise PeerError("it ended")
    with pytest.raises(ValueError, match=r"^other$"):
        with parted(str):
            raise ValueError("other")


def test_synchronising_is_put_back():
    with synchronising(Share(0, 2)):
        assert synchronised_by.get() == Share(0, 2)
        with synchronising(None):
            assert synchronised_by.get() is None
    assert synchronised_by.get() is None
