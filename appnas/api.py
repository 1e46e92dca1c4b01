"""The one-line way in: `appnas.search(space, domain, method)`, and `appnas.resume(path)`."""

from __future__ import annotations

import dataclasses
import math
import random
import shlex
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from appnas import catalogue, start
from appnas.domain import Domain, Locked
from appnas.evaluate import Evaluator, Scratch, evaluator_of
from appnas.files import reading
from appnas.fresh import create, created
from appnas.host import Hosted
from appnas.lock import writing
from appnas.memory import told
from appnas.monitor import Collapse
from appnas.named import check_domain, describe_domain, describe_space, found_in, load_domain, load_space, remembered
from appnas.oneshot import OneShot
from appnas.progress import Progress
from appnas.rank import Ranked, ThenScratch
from appnas.run import KEYS, LATER, Run, finish, load_config, read_json
from appnas.search import Callback, Result
from appnas.search import search as loop
from appnas.space import Space
from appnas.strategy import Draw, Random, Strategy
from appnas.workers import Workers


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a search was asked for, besides space and domain."""

    method: str
    config: Any
    seed: int
    seeds: int
    rank_epochs: int
    control: bool
    retrain_epochs: int
    beside: tuple[str, ...]
    workers: int
    asks: int
    cluster: bool


def search(
    space: Space | str,
    domain: Domain | Evaluator | str,
    method: str = "darts",
    *,
    config: Any = None,
    seed: int = 0,
    seeds: int = 1,
    rank_epochs: int = 0,
    control: bool = False,
    retrain_epochs: int = 0,
    beside: Sequence[str] = (),
    workers: int = 0,
    asks: int = 0,
    cluster: bool = False,
    out: str | Path | None = None,
    progress: bool = False,
    callbacks: Sequence[Callback] = (),
    **settings: Any,
) -> Result:
    """Search, and return the best architecture with everything needed to use it.

    Args:
        space: a space, or its name in the catalogue.
        domain: a domain, its name, or an evaluator such as a table.
        method: name of a method.
        config: the method's configuration; None for the paper's settings.
        seed: of the first search.
        seeds: number of searches; the best one is returned, all are in `info["runs"]` with mean and deviation.
        rank_epochs: choose among the seeds by validation after training each result so many epochs from scratch
            (0: by the search's own value, for weight sharing the median of its last tenth, which says little).
        control: run random search at equal budget too, into `info["control"]`: as many trainings (of `rank_epochs`
            epochs, else of the method's `budget`) as have the epochs of all searches and of ranking their results; on a
            table, as many evaluations. A last stage that ranks the best few again is the control's too. Weight
            sharing needs `rank_epochs` for it.
        retrain_epochs: what `result.retrain()` trains for unless told otherwise, in epochs (or environment steps); kept
            with the run, checked before the start.
        beside: likewise its controls, see `appnas.retrain.controls`.
        workers: evaluate so many architectures at once, each in a process of its own (`appnas.workers`); 0 for one
            after another in this one. For methods that train every architecture by itself.
        asks: architectures that workers are asked for at once, 0 for as many as workers: the result depends on it.
        cluster: the workers are those of a Ray cluster (extra `ray`).
        out: directory of the run; it is resumable from there.
        progress: show a live line.
        callbacks: further callbacks.
        settings: fields of the method's configuration, instead of `config`.

    Raises:
        ValueError: an unknown name or setting.
        TypeError: a class instead of an instance, or the method shares weights, and the domain (a table, say) cannot
            train any.
        RunError: `out` is not empty.
        MemoryError: the supernet does not fit in what is free.
    """
    chosen = catalogue.method(method)
    built: Space = catalogue.space_type(space)() if isinstance(space, str) else space
    if isinstance(domain, str):
        domain = catalogue.domain(domain)
    _instances(space=built, domain=domain)
    for name in settings:
        catalogue.nearest(f"setting of {method!r}", name, [f.name for f in dataclasses.fields(chosen.config)])
    if config is not None and not isinstance(config, chosen.config):
        kind = f"{chosen.config.__module__}.{chosen.config.__name__}"
        raise TypeError(f"the configuration of method {method!r} is a {kind}, got {config!r}")
    counts = {"rank_epochs": rank_epochs, "retrain_epochs": retrain_epochs, "workers": workers, "asks": asks}
    for name, number in {"seeds": seeds, **counts}.items():
        lowest = 1 if name == "seeds" else 0
        if number < lowest:
            raise ValueError(f"{name} must be at least {lowest}, got {number}")
    if control and chosen.needs != "scores" and not rank_epochs:
        raise ValueError(
            "control=True compares trainings from scratch: a method that shares weights needs rank_epochs too"
        )
    if rank_epochs and not isinstance(domain, Domain):
        raise ValueError("rank_epochs trains networks: that needs a domain with data, not a table")
    base: Any = config or chosen.config()
    asked = dataclasses.replace(base, **settings)
    after = (retrain_epochs, tuple(beside))
    plan = Plan(method, asked, seed, seeds, rank_epochs, control, *after, workers, asks, cluster)
    start.check_retraining(built, domain, *after, seed)
    need = start.check(built, domain, method, plan.config)
    described = {**catalogue.plain(plan), "space": describe_space(built), "domain": describe_domain(domain)}
    described["threads"] = torch.get_num_threads()
    if out is None:
        with told(need):
            return _search(built, domain, plan, None, progress, callbacks)
    remembered(described)
    with created(Path(out), described) as path, told(need, partial(_safe, path)):
        return _search(built, domain, plan, path, progress, callbacks)


def resume(
    path: str | Path,
    *,
    space: Space | None = None,
    domain: Domain | Evaluator | None = None,
    progress: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Result:
    """Go on with an interrupted search, or load a finished one. The result is the same as without interruption.

    Args:
        path: directory of the run.
        space: needed only if the run was started with one that is not in the catalogue.
        domain: likewise.
        progress: show a live line.
        callbacks: further callbacks.

    Raises:
        RunError: no run there, of another version, damaged, or begun with other data.
        ValueError: the space or the domain is not in the catalogue and was not given.
    """
    path = Path(path)
    saved = load_config(path, KEYS)
    with writing(path):
        with reading(path / "config.json"):
            config = remembered(saved)
            space = space or load_space(saved)
            domain = domain or load_domain(saved)
        check_domain(domain, saved, path)
        fields = {f.name: saved[f.name] for f in dataclasses.fields(Plan)} | {"beside": tuple(saved["beside"])}
        need = start.check(space, domain, saved["method"], config)
        with told(need, partial(_safe, path)):
            return _search(space, domain, Plan(**{**fields, "config": config}), path, progress, callbacks)


def _safe(path: Path) -> str:
    if not any(file.stat().st_size for file in path.rglob("history.jsonl")):
        return "Nothing was scored yet"
    return f"What was saved is safe, go on with: appnas resume {shlex.quote(str(path))}"


def _instances(**given: Any) -> None:
    for what, value in given.items():
        if isinstance(value, type):
            raise TypeError(f"the {what} is the class {value.__name__}: give an instance, {value.__name__}(...)")


def _search(
    space: Space, domain: Any, plan: Plan, path: Path | None, progress: bool, callbacks: Sequence[Callback]
) -> Result:
    chosen = catalogue.method(plan.method)
    locked = Locked(domain) if isinstance(domain, Domain) else domain
    done = found_in(path, space, range(plan.seed, plan.seed + plan.seeds)) if path else {}
    results = []
    for seed in range(plan.seed, plan.seed + plan.seeds):
        folder = path if path is None or plan.seeds == 1 else _subfolder(path, seed)
        looking: list[Callback] = [Run(folder, root=path, space=space)] if folder else []
        looking += [Collapse(space)] if chosen.needs != "scores" else []
        looking += [Workers(plan.workers, plan.asks, plan.cluster)] if plan.workers else []
        looking += [Progress(f"{plan.method}, seed {seed}")] if progress else []
        result: Result = chosen.search(space, locked, plan.config, seed=seed, callbacks=[*looking, *callbacks])
        results.append(dataclasses.replace(result, domain=domain, info={**result.info, "method": plan.method}))
        if folder and folder != path:
            finish(folder, results[-1])
    runs = [_with_arch(run) for run in done.get("runs", ())] or [
        {"seed": result.info["seed"], "best": result.best, "value": _rank(space, locked, result, plan.rank_epochs)}
        for result in results
    ]
    values = [run["value"] for run in runs]
    best = results[max(range(plan.seeds), key=values.__getitem__)]
    info = {**best.info, "path": str(path) if path else None}
    if plan.seeds > 1 or plan.rank_epochs:
        spread = statistics.stdev(values) if plan.seeds > 1 else 0.0
        info |= {"runs": runs, "mean": statistics.fmean(values), "spread": spread}
        info["ranked_by"] = _ranked_by(best, plan.rank_epochs)
    if plan.retrain_epochs:
        info["retrain"] = {"epochs": plan.retrain_epochs, "beside": plan.beside}
    if plan.control:
        info["control"] = _with_arch(done["control"]) if "control" in done else _control(space, locked, results, plan)
    final = dataclasses.replace(best, info=info)
    if path:
        finish(path, final)
    return final


def _with_arch(saved: dict[str, Any]) -> dict[str, Any]:
    """An architecture read from JSON is a list: make it a tuple again."""
    return {**saved, "best": tuple(saved["best"])}


def _subfolder(path: Path, seed: int) -> Path:
    """The run of one seed, usable on its own."""
    folder = path / f"seed-{seed}"
    if not (folder / "config.json").exists():
        whole_runs = ("seeds", "rank_epochs", "control", "retrain_epochs", "beside")
        alone = {name: LATER[name] for name in whole_runs}
        create(folder, read_json(path / "config.json") | alone | {"seed": seed})
    return folder


def _rank(space: Space, domain: Any, result: Result, epochs: int) -> float:
    if not epochs and isinstance(result.evaluator, OneShot):  # the values of training steps are losses
        trains = result.evaluator.trains
        return max((r.value for r in result.history if not trains(r.step)), default=result.value)
    if not epochs and hasattr(result.evaluator, "spent"):  # values of single batches: the largest is the luckiest
        return statistics.median(record.value for record in result.history[-math.ceil(len(result.history) / 10) :])
    if not epochs or not isinstance(domain, Domain):
        return result.value
    return float(Scratch(space, domain, epochs, result.info["seed"]).score(Draw(result.best)).value)


def _ranked_by(result: Result, epochs: int) -> str:
    """What `_rank` compares, in words: values of steps and of trainings are not of one kind."""
    if epochs:
        return f"validation value after {epochs} {'epoch' if epochs == 1 else 'epochs'} from scratch"
    batches = hasattr(result.evaluator, "spent") and not isinstance(result.evaluator, OneShot)
    return "median value of the last tenth of its steps" if batches else "value"


def _control(space: Space, domain: Any, results: Sequence[Result], plan: Plan) -> dict[str, Any]:
    """Random search at equal budget: see `search`. It ends with the same last stage, if the search had one."""
    budget = plan.rank_epochs or getattr(plan.config, "budget", 1)
    spent = [math.ceil(_spent(result, domain) / budget) for result in results]
    ranked = plan.seeds if plan.rank_epochs else 0
    evaluations = sum(spent) + ranked if any(spent) else sum(len(result.history) for result in results)
    seed, strategy, stage = plan.seed + 10_000, results[0].strategy, results[0].evaluator
    alone: Strategy = Random(space, random.Random(seed))
    evaluator: Evaluator = evaluator_of(space, domain, budget, seed)
    if isinstance(strategy, Ranked) and isinstance(stage, ThenScratch):
        first = max(evaluations - (len(results[0].history) - strategy.steps), 1)
        alone = Ranked(alone, first, strategy.top)
        evaluator = ThenScratch(evaluator, first, space, domain, budget, seed, stage.folds)
    found = loop(alone, evaluator, evaluations)
    return {"method": "random", "evaluations": evaluations, "best": found.best, "value": found.value}


def _spent(result: Result, domain: Any) -> float:
    """Epochs (or environment steps) that a search trained: shared weights, and networks from scratch; 0 on a table."""
    evaluator: Any = result.evaluator
    scratch = sum(record.metrics.get("budget", 0.0) for record in result.history)
    if isinstance(evaluator, Hosted):
        return scratch + evaluator.step * evaluator.host.iteration
    while not hasattr(evaluator, "spent") and hasattr(evaluator, "evaluator"):
        evaluator = evaluator.evaluator
    return scratch + (evaluator.spent / domain.epoch("train") if hasattr(evaluator, "spent") else 0.0)
