"""appnas.domains.text.domain: the suite, the carried hidden state, cuts, perplexity by hand, averaging, bad input."""

import math

import pytest
import torch
from torch import nn

from appnas.domains.text import Options, Text
from appnas.domains.text.domain import RECIPE, Segments, parts
from appnas.task import Stream
from appnas.testing import DomainSuite, identical
from appnas.testing.parts import round_trip


class Reader(nn.Module):
    """A GRU that speaks the domain's protocol."""

    def __init__(self, tokens, width=8):
        super().__init__()
        self.embedding, self.gru = nn.Embedding(tokens, width), nn.GRU(width, width, batch_first=True)
        self.last = nn.Linear(width, tokens)

    def forward(self, tokens, hidden=None):
        start = None if hidden is None or hidden.shape[1] == 0 else hidden[None]
        outputs, last = self.gru(self.embedding(tokens), start)
        scores = self.last(outputs)
        return scores if hidden is None else (scores, last[0], outputs)


class Constant(nn.Module):
    """The same probabilities whatever was read."""

    def __init__(self, probabilities):
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(probabilities).log())

    def forward(self, tokens, hidden):
        return self.scores.expand(*tokens.shape, -1), torch.zeros(len(tokens), 1), torch.zeros(*tokens.shape, 1)


class TestSuite(DomainSuite):
    @pytest.fixture
    def domain(self, licence):
        return licence

    def network(self, domain):
        torch.manual_seed(0)
        return Reader(domain.io.outputs[1])


def counting(count=100, **options):
    """A text that counts, so that tokens tell where they are from."""
    given = {"bptt": 8, "batch": 2, "train_batch": 4, "score_batch": 3, "test_batch": 1, **options}
    return Text(
        torch.arange(count),
        torch.arange(count),
        torch.arange(min(count, 50)),
        list(map(str, range(count))),
        Options(**given),
    )


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_batches_go_on_where_the_last_ended():
    batches = list(counting().batches("train", rng()))
    assert len(batches) == counting().epoch("train") == 6
    whole = torch.cat([batch.x for batch in batches], 1)
    assert torch.equal(whole, torch.stack([torch.arange(0, 49), torch.arange(50, 99)]))
    for batch in batches:
        assert torch.equal(batch.y, batch.x + 1)
        assert 4 <= batch.x.shape[1] <= 12 and batch.share == batch.x.shape[1] / 8
    other = list(counting().batches("train", rng(1)))
    assert [b.x.shape for b in other] != [b.x.shape for b in batches]


def test_stand_alone_networks_have_their_own_number_of_parts():
    assert next(counting().batches("fit", rng())).x.shape[0] == 4


def test_the_hidden_state_is_carried_and_cut_off(licence):
    """Each batch begins with what the loss of the one before left, without its graph; an epoch begins anew."""
    model, before = Reader(licence.io.outputs[1]), torch.empty(8, 0)
    stream = Stream(licence, "train", 0)
    for _ in range(licence.epoch("train")):
        batch = next(stream)
        assert torch.equal(batch.carry.before, before)
        licence.loss(model, batch)
        before = batch.carry.after
        assert before.shape == (8, 8) and not before.requires_grad
        torch.testing.assert_close(before, model(batch.x, batch.carry.before)[1])
    assert next(stream).carry.before.shape == (8, 0)


def test_a_batch_may_be_scored_many_times(licence):
    """As a look-ahead does: every pass starts from the same hidden state."""
    model, stream = Reader(licence.io.outputs[1]), Stream(licence, "valid", 0)
    licence.loss(model, next(stream))
    batch = next(stream)
    assert torch.equal(licence.loss(model, batch), licence.loss(model, batch))


def test_a_stream_resumes_with_its_hidden_state(licence):
    model, stream = Reader(licence.io.outputs[1]), Stream(licence, "train", 0)
    for _ in range(3):
        licence.loss(model, next(stream))
    state = round_trip(stream.state_dict())
    resumed = Stream(licence, "train", 5)
    resumed.load_state_dict(state)
    first, again = next(stream), next(resumed)
    assert first.carry.before.shape == (8, 8) and identical(first, again)
    assert torch.equal(licence.loss(model, first), licence.loss(model, again))


def test_loss_by_hand():
    """Cross entropy of constants, weighed by length; the penalty of changes in training alone."""
    domain = counting(4, bptt=2, batch=1, train_batch=1, score_batch=1, slowness=0.5)
    model = Constant([0.1, 0.2, 0.3, 0.4])
    (batch,) = Segments(torch.arange(4)[None], [0, 3], 0.5, 2)
    expected = -(math.log(0.2) + math.log(0.3) + math.log(0.4)) / 3 * 1.5
    assert domain.loss(model, batch).item() == pytest.approx(expected)
    model.forward = lambda tokens, hidden: (
        model.scores.expand(1, 3, 4), torch.zeros(1, 1), torch.tensor([[[1.0], [3.0], [6.0]]])
    )  # fmt: skip
    assert domain.loss(model, batch).item() == pytest.approx(expected + 0.5 * (4 + 9) / 2 * 1.5)
    assert next(domain.batches("valid", rng())).slowness == 0


def test_perplexity_by_hand():
    """The score does not depend on how the text is cut, and counts every token but the first of each part."""
    model = Constant([0.1, 0.2, 0.3, 0.4])
    for bptt in (1, 2, 5):
        domain = counting(4, bptt=bptt, batch=1, train_batch=1, score_batch=1)
        metrics = domain.score(model)
        loss = -(math.log(0.2) + math.log(0.3) + math.log(0.4)) / 3
        assert metrics["loss"] == pytest.approx(loss) == -metrics["value"]
        assert metrics["perplexity"] == pytest.approx(math.exp(loss))
    assert domain.chance == pytest.approx(-math.log(4))


def test_scores_carry_the_hidden_state(licence):
    """One long sequence and many short ones score the same."""
    model = Reader(licence.io.outputs[1])
    texts = [licence._texts[name] for name in ("train", "valid", "test")]
    whole = Text(*texts, licence.vocabulary, Options(bptt=400, batch=1, train_batch=1, score_batch=4))
    assert whole.score(model)["loss"] == pytest.approx(licence.score(model)["loss"], rel=1e-6)


def test_parts():
    assert parts(torch.arange(11), 3).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_the_recipe_is_the_papers():
    assert (RECIPE.optimiser, RECIPE.lr, RECIPE.clip, RECIPE.weight_decay) == ("asgd", 20, 0.25, 8e-7)
    assert RECIPE.rate(0, 100) == RECIPE.rate(99, 100) == 20 and RECIPE.patience == 5 and RECIPE.momentum == 0


@pytest.mark.parametrize(
    ("train", "match"),
    [
        (torch.zeros(3, 4, dtype=torch.int64), r"train: tokens are integers \[N\] \(int64\), got .*\(3, 4\)"),
        (torch.zeros(99), "got torch.float32"),
        (torch.zeros(7, dtype=torch.int64), "train: 7 tokens are too few for 4 parts"),
        (torch.full((99,), 9), "train: tokens must be 0 to 2, found 9 to 9"),
    ],
)
def test_bad_texts_are_refused(train, match):
    with pytest.raises(ValueError, match=match):
        Text(train, torch.zeros(99, dtype=torch.int64), None, ["a", "b", "c"], Options(batch=4, train_batch=4))


def test_a_text_without_a_test(licence):
    domain = Text(licence._texts["train"], licence._texts["valid"], None, licence.vocabulary, licence.options)
    assert not domain.has_test
    with pytest.raises(ValueError, match="without a test text"):
        domain.test(Reader(domain.io.outputs[1]))


def test_impossible_options_are_refused():
    with pytest.raises(ValueError, match="bptt must be at least 1, got 0"):
        Options(bptt=0)


def test_other_texts_have_another_fingerprint(licence):
    assert licence.fingerprint == licence.fingerprint != counting().fingerprint
    assert licence.preprocessing() == {"vocabulary": licence.vocabulary}
