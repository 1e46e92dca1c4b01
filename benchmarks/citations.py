"""Cora and Citeseer, public split: searches in `GraphNet` with the training as choices, beside hand-made networks.

Random search, evolution, AGNN and Optuna's TPE look at as many networks each, with as many epochs; random search,
evolution and AGNN begin with the hand-made ones. The six best of a search, up to three of them hand-made, are trained
longer on five splits of the nodes that train and validate (the own one, and four at random; the first says which of the
hand-made are the best), and the best of them is the search's result: this is `appnas.search(..., top=6, repeats=5,
folds=5, longer=300)`. Hand-made networks have their
rate and weight decay chosen likewise, on two of the splits. What is chosen is trained with other seeds, and tested:
test accuracies choose nothing. A row of `--out` for each training. About five CPU minutes a search:

    python benchmarks/citations.py --dataset cora --out citations.jsonl

Ingredients, one at a time: `--without` operations (GCN and GAT alone), training (the usual rate, decay, dropout and
width), or known (AGNN begins with a random network). `--choices` prints what the last stage brings.
"""

import argparse
import random
import statistics
import time
from functools import partial

import torch
from rows import collect, spread

from appnas.cost.timing import machine
from appnas.estimate import Cached, Scratch
from appnas.loop import search_loop
from appnas.methods import agnn, baselines, optuna_sampler
from appnas.retrain import train_one
from appnas.retrain.ensemble import Ensemble, selected
from appnas.run import catalogue
from appnas.space import WithTraining, names
from appnas.spaces import GraphNet
from appnas.strategy import Draw, Finalists, Random, chosen, from_known
from appnas.task import Locked

TUNE = {"lr": [0.005, 0.01, 0.02], "weight_decay": [1e-4, 5e-4, 2e-3]}
TOP, FOLDS = 6, 5
BEGUN = ("random", "evolution", "AGNN")
"""Methods that begin with hand-made networks, of which the last stage of `appnas.search` trains the best, too."""
HAND_MADE = ("mlp", "gcn", "sage", "gin", "gat", "gatv2", "transformer", "appnp", "gcnii")


def space_of(without):
    """What is searched."""
    some = {"operations": ("gcn", "gat")} if without == "operations" else {}
    if without == "training":
        return GraphNet(hidden=(64,), dropout=(0.5,))
    return WithTraining(GraphNet(**some), TUNE)


def of_random(space, domain, config, seed):
    evaluator = Cached(Scratch(space, domain, config["budget"], seed))
    strategy = from_known(Random(space, random.Random(seed), distinct=True), space, True)
    return search_loop(strategy, evaluator, config["evaluations"])


def of_method(method, make, space, domain, config, seed):
    return method(space, domain, make(**config), seed=seed)


METHODS = {
    "random": of_random,
    "evolution": partial(
        of_method, baselines.evolution, partial(baselines.EvolutionConfig, population=20, sample=5, repeats=0)
    ),
    "AGNN": partial(of_method, agnn.search, partial(agnn.Config, repeats=0, sharing="none")),
    "TPE": partial(of_method, optuna_sampler.search, optuna_sampler.Config),
}


def _plain(part):
    return " ".join(map(str, part)) if isinstance(part, tuple) else part


class Study:
    """One data set, and one choice of ingredients."""

    def __init__(self, args):
        self.args, self.domain, self.space = args, catalogue.domain(args.dataset), space_of(args.without)
        self.sizes = (args.dataset, args.without, args.epochs)

    def searched(self, name, seed):
        """The best of a search, in order, and what it cost."""
        start = time.process_time()
        space, config = self.space, {"evaluations": self.args.evaluations, "budget": self.args.budget}
        if name == "AGNN" and self.args.without == "known":
            config["known"] = False
        history = METHODS[name](space, Locked(self.domain), config, seed).history
        given = space.hand_made.values() if name in BEGUN else ()
        finalists = {by: Finalists(TOP, by, given, names(space)) for by in ("value", "both")}
        for record in history:
            for those in finalists.values():
                those.update(record.arch, record.value, record.metrics.get("loss", float("nan")))
        seconds = time.process_time() - start
        for arch, row in zip(given, self.rows("rank", self.ranked, *((arch, 0) for arch in given)), strict=True):
            for those in finalists.values():
                those.enter(arch, row["value"], row["loss"])
        tops = {by: those.top() for by, those in finalists.items()}
        values = [record.value for record in history]
        half = statistics.fmean(values[len(values) // 2 :])
        return {"archs": tops, "best": max(values), "half": half, "seconds": seconds}

    def ranked(self, arch, number):
        """A training of the last stage: on the n-th split with the n-th seed, or on the own split."""
        start, own = time.process_time(), number >= FOLDS
        domain = Locked(self.domain) if own else Locked(self.domain).fold(number, FOLDS)
        score = Scratch(self.space, domain, self.args.epochs, number % FOLDS).score(Draw(arch))
        told = {"value": float(score.value), "loss": score.metrics.get("loss", float("inf"))}
        return {**told, "size": score.metrics["parameters"], "seconds": time.process_time() - start}

    def tested(self, arch, seed):
        """A training with a seed of its own, and its test accuracy."""
        start = time.process_time()
        network = train_one(self.space, self.domain, arch, self.args.epochs, 100 + seed)
        found = {"test": self.domain.test(network)["accuracy"], "valid": self.domain.score(network)["accuracy"]}
        return {**found, "seconds": time.process_time() - start}

    def together(self, archs, seed):
        """Test accuracies of networks that answer together."""
        start = time.process_time()
        networks = [train_one(self.space, self.domain, arch, self.args.epochs, 200 + seed) for arch in archs]
        weights = {"voting": None, "stacking": selected(self.domain, networks, "classes")}
        found = {how: Ensemble(networks, "classes", given).eval() for how, given in weights.items()}
        tests = {how: self.domain.test(network)["accuracy"] for how, network in found.items()}
        single = statistics.fmean(self.domain.test(network)["accuracy"] for network in networks)
        return {**tests, "single": single, "seconds": time.process_time() - start}

    def rows(self, kind, run, *keys):
        """Kept rows of one kind; an architecture's key is a text."""
        back = {(kind, *self.sizes, *map(_plain, key)): key for key in keys}
        kept = collect(self.args.out, list(back), lambda *key: run(*back[key]))
        row = dict(zip(back, kept, strict=True))
        return [row[kind, *self.sizes, *map(_plain, key)] for key in keys]

    def last_stage(self, archs, by, simplest=False, seeds=range(FOLDS)):
        """The architecture that the last stage chooses."""
        told = {arch: self.rows("rank", self.ranked, *((arch, n) for n in seeds)) for arch in archs}
        values, losses = ({a: [row[k] for row in rows] for a, rows in told.items()} for k in ("value", "loss"))
        return chosen(values, losses, {a: rows[0]["size"] for a, rows in told.items()}, by, simplest)

    def again(self, arch):
        """Test accuracies with as many seeds as are asked for."""
        return self.rows("test", self.tested, *((arch, seed) for seed in range(self.args.again)))

    def joined(self, archs):
        """The best together, with several seeds."""
        keys = [(tuple(k for arch in archs for k in arch), seed) for seed in range(self.args.ensembles)]
        return self.rows("together", lambda _, seed: self.together(archs, seed), *keys)

    def found(self, name):
        """Row by row: the chosen networks of all searches of a method, and how they do."""
        keys = [(self.args.evaluations, self.args.budget, name, seed) for seed in range(self.args.seeds)]
        searches = self.rows("search", lambda *key: self.searched(*key[-2:]), *keys)
        tops = [{by: [tuple(arch) for arch in archs] for by, archs in search["archs"].items()} for search in searches]
        return searches, tops

    def shown(self, arch):
        """An architecture in words."""
        training = getattr(self.space, "training", lambda _: {})(arch)
        named = getattr(self.space, "space", self.space).named(arch[: len(arch) - len(training)])
        return " ".join(["/".join(options) for options in named.values()] + [f"{k} {v}" for k, v in training.items()])

    def settings_of(self, name):
        """A hand-made network with all its settings of the training."""
        arch = self.space.hand_made[name]
        if not isinstance(self.space, WithTraining):
            return [arch]
        tails = torch.cartesian_prod(*(torch.arange(len(values)) for values in TUNE.values())).tolist()
        return [(*arch[: -len(TUNE)], *tail) for tail in tails]


def shown(name, groups, seconds, more=""):
    """A line: the mean over the networks of their mean, the spread over networks and over seeds."""
    means = [statistics.fmean(row["test"] for row in rows) for rows in groups]
    within = statistics.fmean(statistics.stdev([row["test"] for row in rows]) for rows in groups if len(rows) > 1)
    between = spread(means, 2) if len(means) > 1 else f"{means[0]:.2f}"
    valid = statistics.fmean(row["valid"] for rows in groups for row in rows)
    print(f"{name:<34}{between:>16}{within:>8.2f}{valid:>8.2f}{seconds:>8.0f}  {more}", flush=True)


OWN = range(FOLDS, 2 * FOLDS)
RULES = {
    "the search's best": lambda study, tops: tops["value"][0],
    "own split, 5 seeds, by value": lambda study, tops: study.last_stage(tops["value"], "value", seeds=OWN),
    "own split, 5 seeds, by both": lambda study, tops: study.last_stage(tops["both"], "both", seeds=OWN),
    "5 splits, by loss": lambda study, tops: study.last_stage(tops["both"], "loss"),
    "5 splits, by both": lambda study, tops: study.last_stage(tops["both"], "both"),
    "5 splits, by value, simplest": lambda study, tops: study.last_stage(tops["value"], "value", simplest=True),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="cora", choices=["cora", "citeseer", "graphs"])
    parser.add_argument("--seeds", type=int, default=5, help="searches of each method")
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--budget", type=int, default=60, help="epochs of a candidate")
    parser.add_argument("--epochs", type=int, default=300, help="of the last stage and the last trainings")
    parser.add_argument("--again", type=int, default=20, help="seeds of the last trainings")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--hand-made", nargs="*", default=list(HAND_MADE), choices=list(HAND_MADE))
    parser.add_argument("--without", default="", choices=["", "operations", "training", "known"])
    parser.add_argument("--choices", action="store_true", help="also what other rules of the last stage would choose")
    parser.add_argument("--ensembles", type=int, default=0, help="seeds of the best together")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    study = Study(args)
    print(f"{args.dataset}, {args.seeds} searches of {args.evaluations} networks; test accuracy, %; {machine()}")
    print(
        f"{'':<34}{'test':>16}{'seeds':>8}{'valid':>8}{'CPU s':>8}  (spread of networks, of seeds; search and choice)"
    )
    for name in args.hand_made:
        if name in study.space.hand_made:
            all_of = study.settings_of(name)
            best = study.last_stage(all_of, "both", seeds=range(2)) if len(all_of) > 1 else all_of[0]
            keys = [(arch, n) for arch in all_of for n in range(2)] if len(all_of) > 1 else []
            spent = sum(row["seconds"] for row in study.rows("rank", study.ranked, *keys))
            shown(name, [study.again(best)], spent, getattr(study.space, "training", lambda _: "")(best))
    for name in args.methods:
        searches, tops = study.found(name)
        picked = [study.last_stage(top["value"], "value") for top in tops]
        entered = [(arch, 0) for arch in study.space.hand_made.values()] * (name in BEGUN) * args.seeds
        keys = entered + [(arch, n) for top in tops for arch in top["value"] for n in range(FOLDS)]
        spent = sum(row["seconds"] for row in study.rows("rank", study.ranked, *keys))
        spent = (spent + sum(search["seconds"] for search in searches)) / args.seeds
        shown(name, [study.again(arch) for arch in picked], spent)
        for arch in picked:
            print("    ", study.shown(arch))
        if args.choices:
            for rule, pick in RULES.items():
                shown(f"  {rule}", [study.again(pick(study, those)) for those in tops], 0)
        if args.ensembles:
            each = [study.joined(top["value"]) for top in tops]
            for how in ("single", "voting", "stacking"):
                means = [statistics.fmean(row[how] for row in rows) for rows in each]
                label = "mean of the six, alone" if how == "single" else f"the six together, {how}"
                print(f"  {label:<32}{spread(means, 2):>16}", flush=True)


if __name__ == "__main__":
    main()
