"""appnas.spaces.text.language: the hidden state in and out, the tied embedding, each of the five dropouts."""

import pytest
import torch

from appnas.space import IO
from appnas.spaces.text.highway import Highway
from appnas.spaces.text.language import LanguageModel, kept

IO_ = IO((6,), (6, 7))
NAMES = ("word", "embedding", "input", "state", "output")


def model(**drops):
    torch.manual_seed(0)
    return LanguageModel(IO_, 8, Highway(8, [[["tanh"]]]), tuple(drops.get(name, 0.0) for name in NAMES), list)


@pytest.fixture
def tokens():
    return torch.randint(7, (3, 6), generator=torch.Generator().manual_seed(1))


def test_shapes(tokens):
    net = model()
    scores, hidden, outputs = net(tokens, torch.empty(3, 0))
    assert scores.shape == (3, 6, 7) and hidden.shape == (3, 8) and outputs.shape == (3, 6, 8)
    assert torch.equal(net(tokens), scores) and torch.equal(outputs[:, -1], hidden)


def test_the_hidden_state_carries_a_text_on(tokens):
    net = model()
    whole = net(tokens)
    first, hidden, _ = net(tokens[:, :2], torch.empty(3, 0))
    torch.testing.assert_close(torch.cat([first, net(tokens[:, 2:], hidden)[0]], 1), whole)


def test_the_embedding_is_the_decoder(tokens):
    net = model()
    assert {name for name, _ in net.named_parameters()} >= {"embedding", "bias"}
    _, _, outputs = net(tokens, torch.empty(3, 0))
    torch.testing.assert_close(net(tokens), outputs @ net.embedding.t() + net.bias)
    assert not net.bias.any() and net.embedding.abs().max() <= 0.04


@pytest.mark.parametrize("name", NAMES)
def test_dropout_in_training_only(name, tokens):
    net = model(**{name: 0.5})
    assert torch.equal(net.eval()(tokens), model().eval()(tokens))
    torch.manual_seed(3)
    first = net.train()(tokens)
    torch.manual_seed(3)
    assert torch.equal(net(tokens), first)
    assert not torch.equal(net(tokens), first)


def test_masks_hold_for_a_whole_sequence():
    """The same token at every moment is embedded alike at all of them; words drop out as a whole."""
    tokens = torch.full((4, 5), 2)
    seen = []
    for name in ("word", "embedding", "input"):
        net = model(**{name: 0.5})
        net.cell.register_forward_hook(lambda module, inputs, y: seen.append(inputs[0]))
        net(tokens)
        assert torch.equal(seen[-1], seen[-1][:1].expand(5, -1, -1))
    torch.manual_seed(0)
    net = model(word=0.5)
    net.cell.register_forward_hook(lambda module, inputs, y: seen.append(inputs[0]))
    net(torch.arange(7)[None])
    dropped = (seen[-1][:, 0] == 0).all(1)
    assert dropped.any() and not dropped.all()
    torch.testing.assert_close(seen[-1][~dropped, 0], 2 * net.embedding[~dropped])


def test_a_mask_keeps_the_mean():
    torch.manual_seed(0)
    mask = kept((200, 50), 0.75, torch.empty(0))
    assert set(mask.unique().tolist()) == {0.0, 4.0} and float(mask.mean()) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("io", [IO((3, 8, 8), (10,)), IO((6,), (7,))])
def test_other_data_is_refused(io):
    with pytest.raises(ValueError, match=r"sequences of tokens: inputs \(length,\) and outputs \(length, tokens\)"):
        LanguageModel(io, 4, Highway(4, [[["tanh"]]]), (0.0,) * 5, list)
