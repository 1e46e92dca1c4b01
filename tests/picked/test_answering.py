"""appnas.picked.answering: the answers of one architecture."""

import copy
import pickle

import pytest
import torch
from torch import nn

from appnas.picked import Refused, pick
from appnas.picked.answering import Answered, Answering, Key, Known
from appnas.picked.asking import answering


def answers(given=None, **more):
    return Answered(lambda key, asked: (given or {}).get(key, 0), Known(), **more)


def test_the_same_name_is_the_same_decision_unless_each_call_is_one():
    told = answers({Key("w"): 1, Key("k", 1): 2})
    with answering(told):
        assert [pick("w", [4, 8]) for _ in range(2)] == [8, 8]
        assert [pick("k", [1, 3, 5], each=True) for _ in range(3)] == [1, 5, 1]
    assert told.met == {Key("w"): 1, Key("k", 0): 0, Key("k", 1): 2, Key("k", 2): 0}


def test_calls_inside_options_have_numbers_of_their_own():
    """So that a decision is the same one in a network that has other options elsewhere."""

    def block():
        return pick(
            "op", {"a": lambda: pick("act", {"r": nn.ReLU, "t": nn.Tanh}, each=True), "b": nn.Identity}, each=True
        )

    told = answers({Key("op", 0): 1, Key("act", 0, (("op", 1, "a"),)): 1})
    with answering(told):
        assert [type(block()) for _ in range(2)] == [nn.Identity, nn.Tanh]
    assert list(told.met) == [Key("op", 0), Key("op", 1), Key("act", 0, (("op", 1, "a"),))]
    assert [option for _, option in told.parts] == ["b", "t", "a"]
    assert told.parts[1][0] is told.parts[2][0]


def test_all_factories_are_called_to_see_what_they_pick():
    told = answers(every=True)
    with answering(told):
        pick("op", {"a": nn.ReLU, "b": lambda: nn.Dropout(pick("p", [0.1, 0.5]))})
    assert told.met == {Key("op"): 0} and told.virtual == {Key("p"): 0} and told.nests == {Key("op"): {1}}
    assert list(told.sequence) == [Key("op"), Key("p")]


def test_two_choices_of_one_name():
    with answering(answers()):
        pick("w", [4, 8])
        with pytest.raises(Refused, match=r"'w' stands for two choices, of \[4, 8\] and of \[4, 16\]: the same name"):
            pick("w", [4, 16])
        with pytest.raises(Refused, match="with each=True in one place and without in another"):
            pick("w", [4, 8], each=True)
        with pytest.raises(Refused, match="stands for two choices"):
            pick("w", {"4": nn.ReLU, "8": nn.ReLU})


def test_the_same_module_twice():
    shared = nn.ReLU()
    with answering(answers(every=True)), pytest.raises(Refused, match="'b' of the choice 'op' gives a module that was"):
        pick("op", {"a": lambda: shared, "b": lambda: shared})
    with answering(answers(every=True)):
        pick("one", {"a": lambda: shared})
        with pytest.raises(Refused, match="makes a new one at every call"):
            pick("two", {"a": lambda: shared})
        inner = pick("outer", {"x": lambda: pick("inner", {"y": nn.Tanh})})
        assert isinstance(inner, nn.Tanh)


def test_modules_with_weights_are_not_made_in_forward():
    root = nn.Sequential(nn.Linear(2, 2))
    with answering(answers(root=root)):
        assert isinstance(pick("act", {"relu": nn.ReLU}), nn.ReLU)
        assert pick("which", {"own": lambda: root[0]}) is root[0]
        with pytest.raises(Refused, match=r"makes a module with weights in `forward`.*make it in `__init__`"):
            pick("new", {"linear": lambda: nn.Linear(2, 2)})


class Running(nn.Module):
    def forward(self, x):
        if x.sum() < -100:
            raise KeyError("too little")
        return pick("act", {"relu": lambda: torch.relu, "neg": lambda: torch.neg})(x) * pick("times", [1, 2, 3])


def hung(net, **given):
    known = Known()
    with answering(Answered(lambda key, asked: 0, known)):
        net(torch.zeros(1))
    Answering({Key(name): k for name, k in given.items()}, known).hang(net)
    return net


def test_hooks_answer_in_forward():
    net = hung(Running(), act=1, times=2)
    x = torch.tensor([1.0, -2.0])
    for same in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(same(x), -3 * x)
        assert torch.equal(same(x), -3 * x)


def test_hooks_end_with_a_pass_that_raises():
    net = hung(Running(), act=0, times=0)
    with pytest.raises(KeyError):
        net(torch.tensor([-200.0]))
    with pytest.raises(RuntimeError, match="nobody makes it"):
        pick("act", {"relu": nn.ReLU})
    other = hung(Running(), act=1, times=1)
    x = torch.ones(2)
    assert torch.equal(nn.Sequential(net, other)(x), -2 * x)


def test_what_was_not_recorded_is_refused():
    net = hung(Running(), act=1)
    with pytest.raises(Refused, match=r"'times' was not met when .* were recorded, those were \['act', 'times'\]"):
        net(torch.zeros(1))
    with answering(answers(closed=True)), pytest.raises(Refused, match="'w' was not met"):
        pick("w", [1, 2])
