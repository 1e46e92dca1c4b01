"""appnas.picked.making: spaces of models, and models that are refused before any training."""

import copy
import re

import pytest
import torch
from torch import nn

import appnas
from appnas import pick, space_of
from appnas.picked import Refused
from appnas.space import IO

SIZES = IO((4,), (2,))
SHARED = nn.ReLU()


class Net(nn.Module):
    """What it picks is said by the test."""

    def __init__(self, io, picks=lambda: [], forward=lambda x: x):
        super().__init__()
        self.parts = nn.ModuleList(picks())
        self.last, self.asks = nn.Linear(io.inputs[0], io.outputs[0]), forward

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return self.last(self.asks(x))


def linear():
    return nn.Linear(4, 4)


def test_a_space_and_its_networks():
    space = space_of(Net, SIZES, lambda: [pick("op", {"linear": linear, "skip": nn.Identity})])
    assert isinstance(space, appnas.Space) and space.paths_only == "" and space.count() == 2
    assert repr(space) == "space_of(Net, <function te...7f>)" or repr(space).startswith("space_of(Net, <")
    assert space.build((0,), SIZES)(torch.zeros(3, 4)).shape == (3, 2)
    assert space.build((1,), IO((4,), (5,)))(torch.zeros(3, 4)).shape == (3, 5)


def test_functions_that_return_models_and_models_without_sizes():
    def make(width, *, bias):
        return nn.Sequential(nn.Linear(width, width, bias), pick("act", {"relu": nn.ReLU, "tanh": nn.Tanh}))

    space = space_of(make, 3, bias=False, inputs=torch.zeros(2, 3))
    assert space.paths_only == "" and "make" in repr(space) and "bias=False" in repr(space)
    assert isinstance(space.build((1,), SIZES)[1], nn.Tanh)


@pytest.mark.parametrize(
    ("made", "kind", "said"),
    [
        (nn.ReLU(), TypeError, r"takes the class, not a module that is built: space_of\(ReLU, \.\.\.\)"),
        (3, TypeError, "takes a class, or a function that returns a module, got 3"),
        (lambda io: 3, TypeError, "takes what makes a torch module, .* made 3"),
        (lambda: nn.ReLU(), TypeError, "takes 0 positional arguments but 1 was given"),
        (Net, Refused, r"Net picks nothing: mark its choices by appnas.pick\(name, options\)"),
    ],
)
def test_models_that_are_none(made, kind, said):
    with pytest.raises(kind, match=said):
        space_of(made, SIZES)


def test_picks_in_forward_need_inputs():
    class Late(nn.Module):
        def forward(self, x):
            return pick("act", {"relu": lambda: torch.relu})(x)

    with pytest.raises(Refused, match=r"Late picks nothing: .*for picks in `forward` give inputs=..., examples that"):
        space_of(Late)


def test_missing_arguments():
    with pytest.raises(TypeError, match=r"'io': give its arguments to space_of too, space_of\(Net, domain.io, ...\)"):
        space_of(Net)


@pytest.mark.parametrize(
    ("picks", "said"),
    [
        (lambda: [pick("op", {})], "the choice 'op' has no options"),
        (lambda: [pick("op", {"a": linear}), pick("op", {"b": linear})], "'op' stands for two choices"),
        (lambda: [pick("op", {"a.b": linear})], "a name that no part of a torch module can have"),
        (lambda: [pick("op", {"a": linear, "b": lambda: 1 / 0})], "option 'b' of the choice 'op' raised ZeroDivision"),
        (lambda: [pick("op", {"a": linear, "b": torch.relu})], "say lambda: torch.relu"),
        (lambda: [pick("op", dict.fromkeys("ab", lambda: SHARED))], "that was given before"),
        (lambda: [pick("op", {"a": linear, "b": lambda: "relu"})], "makes a module or a function, it gave 'relu'"),
    ],
    ids=["empty", "name", "child", "raises", "arguments", "same", "neither"],
)  # fmt: skip
def test_choices_that_are_refused(picks, said):
    with pytest.raises(ValueError, match=said):
        space_of(Net, SIZES, picks)


@pytest.mark.parametrize("option", [linear(), 3], ids=["module", "number"])
def test_options_of_a_wrong_kind(option):
    with pytest.raises(TypeError, match="option 'a' of the choice 'op'"):
        space_of(Net, SIZES, lambda: [pick("op", {"a": option})])


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda x: pick("t", [1, 2]) * x if x.any() else x, "choice 't' is met in `forward` depends on the data"),
        (lambda x: pick("op", {"a": linear})(x), "makes a module with weights in `forward`"),
        (lambda x: pick("op", {"a": lambda: torch.relu, "b": torch.relu})(x), "say lambda: torch.relu"),
    ],
)  # fmt: skip
def test_choices_in_forward_that_are_refused(forward, said):
    with pytest.raises(Refused, match=said):
        space_of(Net, SIZES, list, forward)


def test_a_forward_that_needs_other_inputs():
    """Without a pick in it, it is not needed; with one that was not seen, networks say so."""

    class Two(Net):
        def forward(self, x, y):
            return super().forward(x + y)

    op = lambda: [pick("op", {"linear": linear, "skip": nn.Identity})]  # noqa: E731
    assert space_of(Two, SIZES, op).count() == 2
    with pytest.raises(Refused, match=r"Two picks nothing: .*could not be run: .*missing 1 required positional"):
        space_of(Two, SIZES, list, lambda x: pick("t", [1, 2]) * x)
    blind = space_of(Two, SIZES, op, lambda x: pick("t", [1, 2]) * x)
    with pytest.raises((RuntimeError, Refused), match="'t'"):
        blind.build((0,), SIZES)(torch.zeros(1, 4), torch.zeros(1, 4))
    seeing = space_of(Two, SIZES, op, lambda x: pick("t", [1, 2]) * x, inputs=(torch.zeros(2, 4), torch.zeros(2, 4)))
    assert [choice.name for choice in seeing.choices] == ["op", "t"]


def test_a_rule_that_nothing_obeys():
    with pytest.raises(ValueError, match="obeys its rule"):
        space_of(Net, SIZES, lambda: [pick("op", {"linear": linear})], rule=lambda values: False)


def reads():
    op = pick("op", {"linear": linear, "bias": lambda: nn.Linear(4, 4)})
    return [op, nn.Linear(len(op.weight), 4)]


def asks():
    op = pick("op", {"linear": linear, "relu": nn.ReLU})
    return [op, pick("n", {"tanh": nn.Tanh})] if isinstance(op, nn.ReLU) else [op]


@pytest.mark.parametrize(
    ("picks", "said"),
    [
        (lambda: [nn.Linear(4, pick("width", [4]))], "'width' chooses values, which cannot be mixed"),
        (lambda: [nn.Dropout(pick(f"p{i}", [0.1, 0.2])) for i in range(2)], "'p0' and 'p1' choose values, which"),
        (
            lambda: [pick("op", {"linear": linear, "wide": lambda: nn.Linear(4, 5)})],
            r"cannot be run \(ValueError: the options of 'op' give outputs of different shapes, 'wide' \(2, 5\)",
        ),
        (reads, r"cannot be built around a mixture of options \(AttributeError: 'Blend' .* no attribute 'weight'"),
        (asks, "whether there is a choice 'n' is decided by what another one gave, outside of its factories"),
    ],
    ids=["value", "values", "shapes", "attribute", "code"],
)  # fmt: skip
def test_why_options_cannot_be_mixed(picks, said):
    assert re.search(said, space_of(Net, SIZES, picks).paths_only)


def heads(io):
    dim, heads = pick("dim", [8, 9, 12]), pick("heads", [2, 3])
    if dim % heads:
        raise ValueError(f"{dim} is no multiple of {heads}")
    return nn.Sequential(nn.Linear(4, dim), nn.Linear(dim, 2))


def test_what_a_rule_forbids_need_not_be_buildable():
    space = space_of(heads, SIZES, rule=lambda values: values["dim"] % values["heads"] == 0)
    assert [tuple(space.values(arch).values()) for arch in space.every()] == [(8, 2), (9, 3), (12, 2), (12, 3)]
    with pytest.raises(ValueError, match=r"8 is no multiple of 3|9 is no multiple of 2") as refused:
        space_of(heads, SIZES)
    assert "while heads was built with {'dim': " in str(refused.value.__notes__)
    with pytest.raises(ValueError, match="is no multiple of"):
        space_of(heads, SIZES, rule=lambda values: values["dim"] < 12)


def picking(forward=None, build=None):
    """A model that does this and no more."""

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.part = nn.Linear(3, 3), build() if build else None

        def forward(self, x):
            x = forward(x) if forward else x
            return self.layer(self.part(x) if isinstance(self.part, nn.Module) else x)

    return Small


def sometimes(x):
    acts = {"relu": lambda: torch.relu, "tanh": lambda: torch.tanh}
    return pick("act", acts)(x) if len(x) > 4 else x


@pytest.mark.parametrize(
    "forward",
    [
        sometimes,
        lambda x: sometimes(x) * pick("times", [1, 2]),
        lambda x: sum(pick("v", [1, 2], each=True) for _ in x) * x,
    ],
)
def test_the_size_of_the_batch_decides_nothing(forward):
    with pytest.raises(Refused, match=r"whether the choice '(act|v)' is met in `forward` depends on the size of the b"):
        space_of(picking(forward), inputs=torch.ones(2, 3))


def test_picks_where_gradients_are_on_are_recorded():
    forward = lambda x: x * pick("times", [1, 2]) if torch.is_grad_enabled() else x  # noqa: E731
    assert space_of(picking(forward), inputs=torch.ones(2, 3)).count() == 2


@pytest.mark.parametrize("options", [[], [None], [nn.ReLU, nn.GELU], {"half": lambda: torch.relu}, [1, True]])
def test_options_in_forward_that_cannot_be_chosen_from_are_told_as_such(options):
    with pytest.raises(Refused, match=r"^(the choice 'a'|options in a list|the options? )"):
        space_of(picking(lambda x: pick("a", options)), inputs=torch.ones(2, 3))


def test_what_a_function_in_forward_raises_is_told_with_what_was_picked():
    forward = lambda x: pick("a", {"sound": lambda: torch.relu, "broken": lambda: lambda x: 1 / 0})(x)  # noqa: E731
    with pytest.raises(ZeroDivisionError) as caught:
        space_of(picking(forward), inputs=torch.ones(2, 3))
    assert "picked {'a': 'broken'}" in caught.value.__notes__[-1]


def test_networks_have_weights_of_their_own():
    """Given by a factory, or as an argument of the model; what is frozen may be shared."""
    layer = nn.Linear(3, 3)
    options = {"shared": lambda: layer, "skip": nn.Identity}
    shares = picking(build=lambda: pick("part", options))
    with pytest.raises(Refused, match=r"two networks of .* have the same tensor as their weight 'part.weight'"):
        space_of(shares, inputs=torch.ones(2, 3))
    layer.requires_grad_(False)
    assert space_of(shares, inputs=torch.ones(2, 3)).count() == 2


def test_weights_that_lie_in_one_place_are_shared():
    """Embeddings made of vectors, parameters over a tensor; and the running statistics of what is frozen."""
    vectors, frozen = torch.randn(5, 3), nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).requires_grad_(False)
    made = (
        lambda: nn.Embedding.from_pretrained(vectors, freeze=False),
        lambda: nn.ParameterList([nn.Parameter(vectors)]),
        lambda: frozen,
    )
    for make in made:
        shares = picking(build=lambda make=make: pick("part", {"shared": make, "skip": nn.Identity}))
        with pytest.raises(Refused, match=r"two networks of .* have the same tensor as their weight 'part"):
            space_of(shares)
        owns = picking(
            build=lambda make=make: pick("part", {"own": lambda: copy.deepcopy(make()), "skip": nn.Identity})
        )
        assert space_of(owns).count() == 2
    assert frozen[1].running_mean is not None


def test_what_does_not_go_together_names_the_rule():
    def build():
        if pick("width", [4, 6]) % pick("heads", [2, 4]):
            raise AssertionError("width must be divisible by heads")

    with pytest.raises(AssertionError) as caught:
        space_of(picking(build=build))
    assert "space_of(..., rule=lambda v: ...)" in caught.value.__notes__[-1]
    assert space_of(picking(build=build), rule=lambda v: v["width"] % v["heads"] == 0).count() == 3


def test_loops_that_do_not_end():
    def forever():
        while pick("go", [True, False]):
            pass

    with pytest.raises(Refused, match=r"'go' and others are picked more than 100,000 times in one build.* ever end"):
        space_of(picking(build=forever))


def test_a_rule_is_a_function():
    with pytest.raises(TypeError, match=r"rule is a function of the values by choice.*got 'depth < 3'"):
        space_of(picking(build=lambda: pick("depth", [1, 2])), rule="depth < 3")
