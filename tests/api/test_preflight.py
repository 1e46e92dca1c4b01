"""appnas.api.preflight: what is refused before a search begins, with spaces and domains of the user's own."""

import random
from dataclasses import dataclass, replace

import pytest
from torch import nn

import appnas
from appnas.api import computing, preflight
from appnas.cost.counts import MARGIN
from appnas.estimate import Scratch
from appnas.methods import METHODS
from appnas.space import IO, Choice, full_mask, random_arch, restrict
from appnas.spaces import Bench201, Cells, NetMap
from appnas.strategy import Draw
from appnas.support import FailuresError, memory

ONE = dict(evaluations=4, budget=1)


@dataclass(frozen=True)
class Bare:
    """As little of a space as random search needs; with a rule if asked for."""

    rule: bool = False
    layers: int = 3

    @property
    def choices(self):
        return (Choice("layer", ("tanh", "sigmoid"), self.layers),)

    def valid(self, arch):
        return not self.rule or len(set(arch)) == 1

    def build(self, arch, io):
        layers = [nn.Tanh() if index == 0 else nn.Sigmoid() for index in arch]
        return nn.Sequential(nn.Linear(io.inputs[0], 4), *layers, nn.Linear(4, io.outputs[0]))


class Wrong:
    """A domain whose `score` returns what it should not."""

    def __init__(self, domain, score):
        self.domain, self.io, self.example, self.test = domain, domain.io, domain.example, domain.test
        self.fit, self.score = domain.fit, lambda model: score


def test_random_search_asks_little_of_a_space(regression):
    assert len(appnas.search(Bare(), regression, "random", **ONE).history) == 4


@pytest.mark.parametrize(
    ("method", "settings", "match"),
    [
        (
            "darts", {"epochs": 1},
            "darts needs choices, mask, valid, discretise, build and supernet of a space; Bare lacks mask, discretise"
            " and supernet; appnas.testing's SpaceSuite checks them",
        ),
        ("evolution", ONE, "evolution needs .*; Bare lacks mask and discretise;"),
        ("random", {**ONE, "retrain_epochs": 1, "beside": ["tanh"]},
         "'tanh' everywhere, asked for beside what is found, needs discretise of a space; Bare lacks discretise"),
    ],
)  # fmt: skip
def test_what_a_space_lacks_is_said_before_the_start(method, settings, match, regression, tmp_path):
    with pytest.raises(TypeError, match=match):
        appnas.search(Bare(), regression, method, out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_after_the_search_too(regression):
    with pytest.raises(TypeError, match="needs discretise of a space; Bare lacks discretise"):
        appnas.search(Bare(), regression, "random", **ONE).retrain(1, beside=["tanh"])


def test_a_space_with_rules_needs_what_mends_a_draw_against_them(regression):
    few = appnas.search(Bare(rule=True), regression, "random", evaluations=20, budget=1)
    assert {record.arch for record in few.history} == {(0, 0, 0), (1, 1, 1)}  # draws against them are drawn again
    with pytest.raises(TypeError, match="keeps the space's rules needs discretise of a space; Bare lacks discretise"):
        appnas.search(Bare(rule=True, layers=30), regression, "random", evaluations=20, budget=1)


@pytest.mark.parametrize(("score", "got"), [({"acc": 1.0}, r"\{'acc': 1.0\}"), (0.5, "0.5")])
def test_a_score_without_a_value_is_named(score, got, chain, regression, tmp_path):
    domain, match = Wrong(regression, score), f"a dictionary with 'value', which is maximised, got {got}"
    with pytest.raises(FailuresError, match=match):
        appnas.search(chain, domain, "random", out=tmp_path / "run", **ONE)
    with pytest.raises(TypeError, match=match):
        Scratch(chain, domain, 1).score(Draw((2, 2)))


def test_a_domain_that_is_none_is_told_what_it_lacks(chain, regression):
    domain = Wrong(regression, {"value": 1.0})
    del domain.example, domain.test
    with pytest.raises(TypeError, match=r"expected a Domain \(.*, got Wrong, without test and example"):
        appnas.search(chain, domain, "random", **ONE)


def test_methods_that_do_work_are_named(chain, regression):
    with pytest.raises(TypeError, match="'rl_darts' searches while an agent trains, and Regression has no") as error:
        appnas.search(chain, regression, "rl_darts")
    named = str(error.value).rpartition("methods for it: ")[2].split(", ")
    assert named == sorted(set(METHODS) - {"rl_darts"})
    with pytest.raises(TypeError, match="'darts' trains shared weights, and Wrong has no `batches`") as error:
        appnas.search(chain, Wrong(regression, {}), "darts")
    named = str(error.value).rpartition("methods for it: ")[2].split(", ")
    assert named == sorted(name for name, method in METHODS.items() if method.needs in ("data", "scores"))


def test_a_retraining_asked_for_with_the_search_is_checked_before_it(chain, regression, tmp_path):
    for asked, match in (
        ({"retrain_epochs": -1}, "retrain_epochs must be at least 0, got -1"),
        ({"retrain_epochs": 1, "beside": ["tahn"]}, "no choice offers 'tahn'"),
        ({"beside": ["tanh"]}, r"give retrain_epochs too, got beside=\['tanh'\]"),
    ):
        with pytest.raises(ValueError, match=match):
            appnas.search(chain, regression, "random", out=tmp_path / "run", **ONE, **asked)
        assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="a table has its own `test`"):
        preflight.check_retraining(chain, None, 1, [], 0)


@dataclass(frozen=True)
class Headed(Bare):
    """Its last layer has `head` outputs whatever the domain asks for; `form` changes what comes out."""

    head: int = 10
    form: str = ""
    failing: tuple[int, ...] = ()

    def build(self, arch, io):
        if sum(arch) in self.failing:
            raise RuntimeError(f"{sum(arch)} sigmoids are too many")
        net = nn.Sequential(super().build(arch, IO(io.inputs, (self.head,))), Formed(self.form))
        return net


class Formed(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form

    def forward(self, x):
        return {"dict": {"y": x}, "pair": (x, x)}.get(self.form, x)


@pytest.mark.parametrize(("head", "form", "kind", "match"), [
    (10, "", ValueError, "a network of Headed gives 10 outputs an example, the domain has 1 .*: build the last layer"),
    (1, "dict", TypeError, "a network of Headed gives a dict; what the domain asks for is a tensor"),
    (10, "pair", ValueError, "10 outputs an example"),
])  # fmt: skip
def test_a_head_that_does_not_fit_is_named_not_trained(head, form, kind, match, regression, tmp_path):
    with pytest.raises(kind, match=match):
        appnas.search(Headed(head=head, form=form), regression, "random", out=tmp_path / "run", **ONE)
    assert not (tmp_path / "run").exists()


def test_a_supernet_and_what_it_is_retrained_as_have_the_right_head(chain, regression):
    class Wide(type(chain)):
        def supernet(self, io, mask=None):
            return super().supernet(IO(io.inputs, (10,)), mask)

    class Wide2(type(chain)):
        def build(self, arch, io):
            return super().build(arch, IO(io.inputs, (10,)))

    with pytest.raises(ValueError, match="the supernet of Wide gives 10 outputs an example, the domain has 1"):
        appnas.search(Wide(), regression, "darts", epochs=1)
    with pytest.raises(ValueError, match="a network of Wide2 gives 10 outputs an example, the domain has 1"):
        appnas.search(Wide2(), regression, "darts", epochs=1, retrain_epochs=1)


def test_one_candidate_that_cannot_be_built_does_not_stop_a_start(regression):
    """The first that is tried has two sigmoids, the next ones none or one."""
    sums = [sum(random_arch(Bare(), random.Random(seed))) for seed in range(3)]
    assert len(set(sums)) > 1
    preflight.check(Headed(head=1, failing=(sums[0],)), regression, "random", None)
    with pytest.raises(RuntimeError, match=f"{sums[0]} sigmoids are too many"):
        preflight.check(Headed(head=1, failing=(0, 1, 2, 3)), regression, "random", None)


@pytest.mark.parametrize(("space", "domain", "settings"), [
    ("gnn", "digits", {}), ("bench201", "pydoc", {}), ("recurrent", "digits", {}),
])  # fmt: skip
def test_spaces_and_data_of_different_fields_do_not_start(space, domain, settings):
    with pytest.raises((ValueError, TypeError)):
        appnas.search(space, domain, "random", evaluations=2, budget=1)


def test_a_space_that_breaks_its_own_rules_does_not_start(chain, regression):
    class Loose(type(chain)):
        def valid(self, arch):
            return arch[0] != arch[1]

        def discretise(self, gates):
            return (1, 1)

    with pytest.raises(ValueError, match=r"that of Loose gave \(1, 1\), which its `valid` refuses"):
        appnas.search(Loose(), regression, "reinforce", **ONE)


def test_networks_too_large_for_the_machine_are_refused_before_the_start(digits):
    with pytest.raises(MemoryError, match=r"a network of Bench201 does not fit in memory, .* MiB are free: use fewer"):
        appnas.search(Bench201(channels=10**6), digits, "random", **ONE)


@pytest.mark.parametrize("seed", [10**23, -(10**23)])
def test_seeds_that_no_generator_takes_are_named(seed, chain, regression):
    with pytest.raises(ValueError, match=f"seeds lie between .*, got seed={seed}, seeds=1"):
        appnas.search(chain, regression, "random", seed=seed, **ONE)


@pytest.mark.filterwarnings("error")
def test_what_is_computed_again_is_planned_by_the_memory_that_is_free(digits, monkeypatch, capsys):
    space, config = Cells(channels=4, cells=6, nodes=2), METHODS["darts"].config(order="first")

    def need(share, space=space):
        monkeypatch.setattr(memory, "free_bytes", lambda device: share and int(share * most / MARGIN))
        return preflight.check(space, digits, "darts", config)

    most = 0
    most = need(None).total
    assert need(1.01).again == (0, 0)
    few = need(0.9)
    assert 0 < few.again[0] < 1 and few.again[1] == 0 and few.total <= 0.9 * most
    convolutions, cells = (need(None, replace(space, recompute=kind)).total for kind in ("convolutions", "cells"))
    assert cells < convolutions < most
    share = (cells + convolutions) / 2 / most
    more = need(share)
    assert more.again[0] == 1 and 0 < more.again[1] <= 1 and more.total <= share * most
    with pytest.raises(MemoryError, match=f"needs about {cells / 2**20:.0f} MiB, "):
        need(0.3)  # the least of all kinds
    with pytest.raises(MemoryError, match="MiB are free"):
        need(0.9 * MARGIN, replace(space, recompute="nothing"))
    with computing.fitting(more):
        computing.announce({"device": "cpu", "machine": ""})
        assert space.supernet(digits.io).whole >= 1
    assert "to fit in memory, computed again in backward: all of " in capsys.readouterr().err
    assert space.supernet(digits.io).whole == 0


def test_spaces_on_maps_alone_are_refused_where_there_are_nets(chips):
    """They would take the second input for gates; under a mask net_map still reads it."""
    space = NetMap(width=2, strides=(2,), branches=1, vertices=("conv",), kernels=(3,), dense=2)
    with pytest.raises(ValueError, match="GuideDag reads maps alone, and this domain gives nets too"):
        preflight.check(space.frame, chips, "random", None)
    assert preflight.check(space, chips, "random", None) is None
    assert preflight.check(restrict(space, full_mask(space.choices)), chips, "random", None) is None
