"""appnas.picked.sources: what makes a model, and its inputs otherwise."""

import pytest
import torch
from torch import nn

from appnas.picked.sources import Source, resized, told, variants
from appnas.space import IO

IO3 = IO((3,), (2,))


def test_a_source_puts_sizes_in_their_place():
    seen = []

    def make(io, width, *, other):
        seen.append((io, width, other))
        return nn.Identity()

    source = Source(make, (IO3, 4), {"other": IO3})
    source(IO((5,), (6,)))
    source(None)
    assert seen == [(IO((5,), (6,)), 4, IO((5,), (6,))), (IO3, 4, IO3)]
    assert source.io == IO3 and "make" in source.name
    with pytest.raises(TypeError, match=r"what makes a torch module, .*int made 3"):
        Source(int, (3,))(None)


def test_variants():
    zeros, drawn, large, other = variants((torch.ones(2), torch.tensor([3]), "word"))
    assert torch.equal(large[0], 100 * drawn[0]) and torch.equal(other[0], -large[0])
    assert zeros[0].tolist() == [0, 0] and zeros[1].tolist() == [0]
    assert drawn[1].tolist() == [3] and drawn[2] == "word" and drawn[0].tolist() not in ([0, 0], [1, 1])


def test_arguments_that_are_missing():
    with (
        pytest.raises(TypeError, match=r"missing 1 required .* 'out_features': give its arguments to space_of too"),
        told(Source(nn.Linear)),
    ):
        Source(nn.Linear, (), {"in_features": 2})(None)
    with pytest.raises(TypeError, match=r"^other$"), told(Source(nn.Linear)):
        raise TypeError("other")


def test_a_model_that_calls_others_wrongly_is_not_said_to_lack_arguments():
    with pytest.raises(TypeError, match=r"missing 1 required .*'out_features'$"), told(Source(nn.Linear)):
        Source(lambda: nn.Linear(8))(None)


def test_batches_of_other_sizes():
    large, one = resized((torch.arange(2.0), torch.ones(2, 3)))
    assert [len(x) for x in large] == [16, 16] and one[0].tolist() == [0.0] and one[1].shape == (1, 3)
    for graph in [(torch.ones(3, 2), torch.ones(2, 5)), (torch.ones(2, 3), "word"), (torch.ones(()),), ()]:
        assert not list(resized(graph))
