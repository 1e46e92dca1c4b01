"""Suites catch faults: spaces, strategies, domains and methods with one fault each fail the test of that fault."""

import functools
import random
import sys
import types

import pytest
import torch
from torch import nn

from appnas.methods import baselines
from appnas.run import catalogue
from appnas.space import IO
from appnas.strategy import Evolution, Random
from appnas.testing import DomainSuite, LearningSuite, MethodSuite, SpaceSuite, StrategySuite, SupernetSuite, planted


def broken(test, *fixtures) -> None:
    """The test must fail."""
    with pytest.raises(AssertionError):
        test(*fixtures)


def subclass(instance, **methods):
    """An object of the same kind with some methods replaced."""
    kind = type("Broken", (type(instance),), methods)
    made = kind.__new__(kind)
    made.__dict__.update(instance.__dict__)
    return made


class TestBrokenSpaces:
    io = IO((3,), (2,))

    def wrapped(self, chain, forward):
        """The chain with another forward pass of its supernet."""

        def supernet(space, io, mask=None):
            return subclass(type(chain).supernet(space, io, mask), forward=forward)

        return subclass(chain, supernet=supernet)

    def test_the_whole_one_passes(self, chain):
        SupernetSuite().test_gradient_of_the_gates(chain, self.io)
        SupernetSuite().test_options_at_zero_are_not_executed(chain, self.io)
        SupernetSuite().test_masked_options_are_not_there(chain, self.io)

    def test_graphs_that_are_none(self, chain):
        """A circle, no ends, ends that are no nodes, an operation that is no word, the same graph for all."""
        SpaceSuite().test_graph(chain)
        whole = chain.graph((1, 2))["chain"]
        circle, bare, far, number = (whole.copy() for _ in range(4))
        circle.add_edge("2", "1")
        bare.graph.clear()
        far.graph["outputs"] = ["out"]
        number.nodes["1"]["op"] = 3, 4
        for graph in (circle, bare, far, number, whole):
            broken(SpaceSuite().test_graph, subclass(chain, graph=lambda space, arch, graph=graph: {"chain": graph}))

    def test_gates_that_lose_their_gradient(self, chain):
        def forward(net, x, gates):
            return type(net).__base__.forward(net, x, tuple(g.detach() + 0 * g for g in gates))

        space = self.wrapped(chain, forward)
        broken(SupernetSuite().test_gradient_of_the_gates, space, self.io)
        broken(SupernetSuite().test_every_row_of_alpha_learns, space, self.io)

    def test_idle_options_that_run(self, chain):
        def forward(net, x, gates):
            x = net.first(x)
            for i, layer in enumerate(net.layers):
                x = layer(x, gates[0][..., i, :])
            return net.last(x)

        broken(SupernetSuite().test_options_at_zero_are_not_executed, self.wrapped(chain, forward), self.io)

    def test_masked_options_that_are_allocated(self, chain):
        space = subclass(chain, supernet=lambda space, io, mask=None: type(chain).supernet(space, io))
        broken(SupernetSuite().test_masked_options_are_not_there, space, self.io)
        broken(SupernetSuite().test_memory_falls_with_the_mask, space, self.io)

    def test_one_row_for_all_examples(self, chain):
        def forward(net, x, gates):
            return type(net).__base__.forward(net, x, tuple(g[0] if g.dim() == 3 else g for g in gates))

        broken(SupernetSuite().test_batch_axis, self.wrapped(chain, forward), self.io)

    def test_a_favoured_option(self, chain):
        space = subclass(chain, discretise=lambda space, gates: (2, 2))
        broken(SpaceSuite().test_permuted_scores_permute_the_architecture, space)
        broken(SpaceSuite().test_names_tokens_and_gates_round_trip, space)

    def test_an_option_that_never_comes(self, chain):
        space = subclass(
            chain,
            valid=lambda space, arch: len(arch) == 2 and arch[0] != 2,
            discretise=lambda space, gates: (1, *type(chain).discretise(space, gates)[1:]),
        )
        broken(SpaceSuite().test_random_architectures_are_roughly_uniform, space)

    def test_a_head_that_ignores_the_domain(self, chain):
        def build(space, arch, io):
            return type(chain).build(space, arch, IO(io.inputs, (10,)))

        def supernet(space, io, mask=None):
            return type(chain).supernet(space, IO(io.inputs, (10,)), mask)

        with pytest.raises(AssertionError, match="gives 10 outputs an example, the domain has 2"):
            SpaceSuite().test_stand_alone_network(subclass(chain, build=build), self.io)
        broken(SupernetSuite().test_output_shape_and_seed, subclass(chain, supernet=supernet), self.io)

    def test_networks_that_ignore_the_seed(self, chain):
        def build(space, arch, io):
            made = type(chain).build(space, arch, io)
            nn.init.normal_(
                made.last.weight, generator=torch.Generator().manual_seed(random.SystemRandom().getrandbits(32))
            )
            return made

        broken(SpaceSuite().test_stand_alone_network, subclass(chain, build=build), self.io)


class Forgetful(Random):
    """Does not save its generator."""

    def load_state_dict(self, state):
        self.archive.load_state_dict(state["archive"])


class Global(Random):
    """Draws from the interpreter's own generator."""

    def __init__(self, space, rng):
        super().__init__(space, random._inst)


class Nosy(Random):
    """Keeps an evaluator, well hidden."""

    def __init__(self, space, rng):
        super().__init__(space, rng)
        oracle = planted(space)
        self.hooks = {"after": [functools.partial(lambda a, b: oracle, 1)]}


class Gullible(Random):
    """Takes a NaN for the best."""

    def tell(self, draw, score):
        if not float(score.value) <= self.archive.value:
            self.archive.best = [(draw.arch, float(score.value))]


class Loose(Random):
    """Draws from the whole space, mask or not."""

    def __init__(self, space, rng):
        super().__init__(getattr(space, "space", space), rng)


@pytest.mark.parametrize(
    ("kind", "tests"),
    [
        (Forgetful, ["state"]),
        (Global, ["seeds"]),
        (Nosy, ["knows_no_data"]),
        (Gullible, ["nan_never_wins"]),
        (Loose, ["stays_inside_a_mask"]),
        (Random, []),
    ],
)
def test_broken_strategies(cells, kind: type, tests: list[str]):
    """Each fails the test of its fault and passes the others that concern no randomness."""
    suite = StrategySuite()
    make = lambda space, seed: kind(space, random.Random(seed))  # noqa: E731
    for test in ("state", "seeds", "knows_no_data", "nan_never_wins", "stays_inside_a_mask"):
        if test in tests:
            broken(getattr(suite, f"test_{test}"), cells, make)
        elif kind is not Global:
            getattr(suite, f"test_{test}")(cells, make)
    assert set(tests) <= {name.removeprefix("test_") for name in dir(StrategySuite)}


def test_strategies_that_do_not_learn_or_that_learn_without_a_rate(bench201):
    suite = LearningSuite()
    deaf = lambda space, seed, rate: Random(space, random.Random(seed))  # noqa: E731
    always = lambda space, seed, rate: Evolution(space, random.Random(seed), 20, 5)  # noqa: E731
    broken(suite.test_late_samples_beat_early_ones, bench201, deaf)
    suite.test_without_learning_they_do_not(bench201, deaf)
    suite.test_late_samples_beat_early_ones(bench201, always)
    broken(suite.test_without_learning_they_do_not, bench201, always)


class TestBrokenDomains:
    def test_a_loss_that_is_averaged(self, regression):
        domain = subclass(regression, loss=lambda self, model, batch: type(regression).loss(self, model, batch).mean())
        broken(DomainSuite().test_loss, domain)

    def test_an_order_that_is_never_shuffled(self, regression):
        def batches(self, split, rng):
            return type(regression).batches(self, split, torch.Generator().manual_seed(0))

        broken(DomainSuite().test_batches, subclass(regression, batches=batches))

    def test_an_order_that_ignores_the_seed(self, regression):
        def batches(self, split, rng):
            return type(regression).batches(self, split, torch.Generator().manual_seed(torch.seed()))

        state = torch.get_rng_state()
        broken(DomainSuite().test_batches, subclass(regression, batches=batches))
        broken(DomainSuite().test_a_stream_resumes_exactly, subclass(regression, batches=batches))
        torch.set_rng_state(state)

    def test_a_split_in_the_other(self, regression):
        leaky = subclass(regression)
        leaky.splits = regression.splits | {"valid": regression.splits["all"]}
        suite = DomainSuite()
        suite.identify = lambda domain, split: [tuple(x.tolist()) for x in domain.splits[split][0]]
        suite.test_splits_are_disjoint(regression)
        broken(suite.test_splits_are_disjoint, leaky)

    def test_scores_on_held_out_data(self, regression, monkeypatch):
        domain = subclass(regression, score=lambda self, model: {"value": -self.test(model)["mse"]})
        broken(DomainSuite().test_held_out_data, domain, monkeypatch)

    def test_a_score_that_changes_the_model(self, regression):
        def score(self, model):
            with torch.no_grad():
                next(model.parameters()).add_(1e-6)
            return type(regression).score(self, model)

        broken(DomainSuite().test_score, subclass(regression, score=score))

    def test_sizes_that_are_not_those_of_the_examples(self, regression):
        wrong = subclass(regression, network=None)
        wrong.io = IO((3,), (2,))
        suite = DomainSuite()
        suite.network = lambda domain: nn.Linear(3, 1)
        with pytest.raises(AssertionError, match="gives 1 output an example, the domain has 2"):
            suite.test_is_a_domain(wrong)

    def test_a_score_without_a_value(self, regression):
        broken(DomainSuite().test_score, subclass(regression, score=lambda self, model: {"mse": 1.0}))

    def test_an_unknown_split_that_passes(self, regression):
        def batches(self, split, rng):
            return iter(())

        with pytest.raises(pytest.fail.Exception):
            DomainSuite().test_unknown_split(subclass(regression, batches=batches))


class TestBrokenMethods:
    """Variants of random search, put into the catalogue for a test."""

    def suite(self, monkeypatch, search) -> MethodSuite:
        broken = types.SimpleNamespace(search=search, Config=catalogue.METHODS["random"].config)
        monkeypatch.setitem(sys.modules, "appnas.methods.broken", broken)
        monkeypatch.setitem(catalogue.METHODS, "broken", catalogue.METHODS["random"]._replace(module="broken"))
        suite = MethodSuite()
        suite.method, suite.settings = "broken", {"evaluations": 8, "budget": 1}
        return suite

    def test_reads_test_data(self, monkeypatch, chain, regression):
        def search(space, domain, config, *, seed=0, callbacks=()):
            result = baselines.random(space, domain, config, seed=seed, callbacks=callbacks)
            domain.test(result.of(space, domain, config, seed).space.build(result.best, domain.io))
            return result

        broken(self.suite(monkeypatch, search).test_result_is_complete, chain, regression)

    def test_ignores_the_seed(self, monkeypatch, chain, regression):
        def search(space, domain, config, *, seed=0, callbacks=()):
            return baselines.random(space, domain, config, seed=0, callbacks=callbacks)

        broken(self.suite(monkeypatch, search).test_seeds, chain, regression)

    def test_draws_from_the_system(self, monkeypatch, chain, regression, tmp_path):
        def search(space, domain, config, *, seed=0, callbacks=()):
            own = random.SystemRandom().randrange(10**6)
            return baselines.random(space, domain, config, seed=own, callbacks=callbacks)

        suite = self.suite(monkeypatch, search)
        broken(suite.test_seeds, chain, regression)
        broken(suite.test_resumes_bit_for_bit, chain, regression, tmp_path)

    def test_forgets_its_state(self, monkeypatch, chain, regression, tmp_path):
        def search(space, domain, config, *, seed=0, callbacks=()):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Random, "load_state_dict", Forgetful.load_state_dict)
                return baselines.random(space, domain, config, seed=seed, callbacks=callbacks)

        broken(self.suite(monkeypatch, search).test_resumes_bit_for_bit, chain, regression, tmp_path)
