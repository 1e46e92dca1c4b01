"""The one-line way in: `appnas.search(space, domain, method)`, and `appnas.resume(path)`."""

from __future__ import annotations

import dataclasses
import shlex
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from appnas.api import computing, encoders, preflight, resolving, together
from appnas.api.plan import Plan
from appnas.api.random_control import deviation, equal_budget, ranked_by, value_of
from appnas.api.result import Result
from appnas.compute import Precision, alike, compute_of, float32_flags, float32_products, led, parted
from appnas.estimate import Evaluator
from appnas.loop import Callback, Collapse, Estimate, Progress, Repeats, in_notebook
from appnas.run import KEYS, LATER, catalogue, create, created, finish, found_in, load_config, read_json, writing
from appnas.run.provenance import check_domain, describe_domain, describe_space, load_domain, load_space, remembered
from appnas.run.retrying import retry
from appnas.space import Space
from appnas.support import IN_A_ROW, SHARE, reading, within
from appnas.support.plain import plain
from appnas.task import Domain, Locked

COUNTS = ("evaluations", "epochs", "start", "labels", "pairs", "draws", "episodes")
"""Settings of methods that say how long a search is, what there is first in this order."""


def search(
    space: Space | str,
    domain: Domain | Evaluator | str | Any,
    method: str = "",
    *,
    config: Any = None,
    seed: int = 0,
    seeds: int = 1,
    rank_epochs: int = 0,
    control: bool = False,
    tune: Mapping[str, Sequence[Any]] | None = None,
    retrain_epochs: int = 0,
    beside: Sequence[str] = (),
    workers: int = 0,
    asks: int = 0,
    cluster: bool = False,
    timeout: float = 0.0,
    max_failures: int = IN_A_ROW,
    max_failure_share: float = SHARE,
    device: str | torch.device = "auto",
    precision: Precision = "32",
    compile: bool = False,
    processes: int = 1,
    norms: Literal["own", "synchronised"] = "synchronised",
    out: str | Path | None = None,
    progress: bool | None = None,
    callbacks: Sequence[Callback] = (),
    **settings: Any,
) -> Result:
    """Search, and return the best architecture with everything needed to use it.

    Args:
        space: a space, or its name: of the catalogue, or a dotted one of your own, MODULE:NAME.
        domain: a domain, its name, an evaluator such as a table, or data: see `appnas.domains.domain_of`.
        method: name of a method; by default "darts", or where a space or a domain has not what that needs, "evolution".
        config: the method's configuration; None for the paper's settings.
        seed: of the first search.
        seeds: number of searches; the best one is returned, all are in `info["runs"]` with mean and deviation.
        rank_epochs: choose among the seeds by validation after training each result so many epochs from scratch
            (0: by the search's own value, for weight sharing the median of its last tenth, which says little).
        control: run random search at equal budget too, into `info["control"]`: as many trainings (of `rank_epochs`
            epochs, else of the method's `budget`) as have the epochs of all searches and of ranking their results; on a
            table, as many evaluations. A last stage that ranks the best few again is the control's too. Weight
            sharing needs `rank_epochs` for it.
        tune: choices of the training beside those of the network, name -> values, {"lr": [0.01, 0.1]}: of the domain's
            recipe and options (`appnas.task.tunable`). For methods that train every architecture by itself.
        retrain_epochs: what `result.retrain()` trains for unless told otherwise, in epochs (or environment steps); kept
            with the run, checked before the start.
        beside: likewise its controls, see `appnas.retrain.controls`.
        workers: evaluate so many architectures at once, each in a process of its own (`appnas.loop.workers`); 0 for one
            after another in this one. For methods that train every architecture by itself.
        asks: architectures that workers are asked for at once, 0 for as many as workers: the result depends on it.
        cluster: the workers are those of a Ray cluster (extra `ray`).
        timeout: seconds that the evaluation of one architecture may take in a worker (one, if none are asked for),
            which is then replaced; 0 for no limit.
        max_failures: different architectures that may fail one after another. An exception in building, training or
            scoring one, a score that is no number, or a worker that dies or takes too long fails that evaluation alone:
            `result.failures` and the run's history say why, and the search goes on.
        max_failure_share: of all evaluations that may fail, looked at once there are 20.
        device: what trains networks, a device of torch such as "cuda:0"; "auto" is where `domain.to` has put them, else
            the accelerator if torch has one, else the CPU. Workers get one each of several accelerators, unless one is
            named by its number. Seeds give the same draws and batches on every device, but not the same last bits.
        precision: of networks in training, also after the search. "32": float32, with torch's own settings (kept with
            the run). "tf32": its products rounded, on NVIDIA's cards. "bf16", "16": passes in fewer bits, by autocast;
            what overflows in "16" is scaled anew. Weights, losses, measurements and zero-cost scores are in 32.
        compile: let torch compile networks: supernets under soft gates, and what is trained from scratch.
        processes: that train every network together, each on its share of every batch, started by torchrun or as a Ray
            Train job with the same call in each (`appnas.api.together`). All return the result; the first one writes.
        norms: "synchronised": batch norms have the statistics of the whole batch, and the result is that of one
            process; "own": each process's of its share, without that message at every norm.
        out: directory of the run; it is resumable from there.
        progress: say where it runs, and show a live line; by default in a notebook alone.
        callbacks: further callbacks, of each process its own.
        settings: fields of the method's configuration, instead of `config`.

    Raises:
        ValueError: an unknown name or setting, a device that torch does not have, a precision that it lacks, or other
            processes than asked for.
        CompileError: torch cannot compile a network.
        TypeError: a class instead of an instance, or the method shares weights, and the domain (a table, say) cannot
            train any.
        RunError: `out` is not empty.
        MemoryError: the supernet does not fit in what is free.
        FailuresError: more evaluations failed than may.
        PeerError: another process of the search ended.
    """
    built, domain, method = resolving.resolved(space, domain, method, tune)
    chosen = catalogue.method(method)
    preflight.pathlike(out=out or "")
    for name in settings:
        catalogue.nearest(f"setting of {method!r}", name, [f.name for f in dataclasses.fields(chosen.config)])
    if config is not None and not isinstance(config, chosen.config):
        kind = f"{chosen.config.__module__}.{chosen.config.__name__}"
        raise TypeError(f"the configuration of method {method!r} is a {kind}, got {config!r}")
    if isinstance(beside, str):
        raise TypeError(f"beside is a list of names, got {beside!r}: give [{beside!r}]")
    base: Any = config or chosen.config()
    asked = dataclasses.replace(base, **settings)
    plan = Plan(
        method=method, config=asked, seed=seed, seeds=seeds, rank_epochs=rank_epochs, control=control,
        retrain_epochs=retrain_epochs, beside=tuple(beside), workers=workers, asks=asks, cluster=cluster,
        timeout=timeout, max_failures=max_failures, max_failure_share=max_failure_share,
        device=computing.named(domain, device), precision=precision, compile=compile, processes=processes, norms=norms,
    )  # fmt: skip
    compute = computing.chosen(device, precision, compile, processes=processes, norms=norms)
    domain, share = computing.on(domain, compute, device), compute.share
    within(asked, "population", "per_update")
    if (asks or cluster) and not workers and not timeout:
        raise ValueError(f"asks and cluster are of workers: give workers too, got asks={asks}, cluster={cluster}")
    if control and chosen.needs != "scores" and not rank_epochs:
        raise ValueError(
            "control=True compares trainings: a method with shared or untrained weights needs rank_epochs too"
        )
    if rank_epochs and not isinstance(domain, Domain):
        raise ValueError("rank_epochs trains networks: that needs a domain with data, not a table")
    computing.watching(plan)
    with resolving.fitting(built, domain):
        preflight.check_retraining(built, domain, retrain_epochs, plan.beside, seed)
        need = alike(share, partial(preflight.check, built, domain, method, plan.config))
    described = {**plain(plan), "space": describe_space(built), "domain": describe_domain(domain)}
    described["threads"] = torch.get_num_threads()
    if compute_of(domain).device.type == "cuda":
        described["float32"] = float32_flags()
    if out is None:
        with computing.fitting(need, device=compute_of(domain).device):
            return _search(built, domain, plan, None, progress, callbacks)
    remembered(described)
    path, here = Path(out), compute_of(domain).device
    safe = partial(_safe, path)
    with together.leading(share, partial(created, path, described)), computing.fitting(need, safe, here):
        with parted(safe):
            return _search(built, domain, plan, path, progress, callbacks)


def resume(
    path: str | Path,
    *,
    space: Space | None = None,
    domain: Domain | Evaluator | None = None,
    retry_failed: bool = False,
    device: str | torch.device | None = None,
    precision: Precision | None = None,
    compile: bool | None = None,
    processes: int | None = None,
    progress: bool | None = None,
    callbacks: Sequence[Callback] = (),
) -> Result:
    """Go on with an interrupted search, or load a finished one. The result is the same as without interruption.

    Args:
        path: directory of the run.
        space: needed only if the run was started with one that has no name, see `appnas.run.provenance`.
        domain: likewise.
        retry_failed: try evaluations that failed again: the search goes back to before the first of them, and remembers
            what did not fail; what it had found lies in a folder before-retry-N of the run.
        device: another than the search was asked for; it may be of another kind than the one it began on.
        precision: another than the search was asked for; it then does not end in the same bits.
        compile: likewise.
        processes: another number than the search was asked for; by default as many as were started.
        progress: show a live line; by default in a notebook alone.
        callbacks: further callbacks.

    Raises:
        RunError: no run there, of another version, damaged, or begun with other data.
        AbsentError: the space or the domain has no name and was not given, or cannot be imported.
        ValueError: torch lacks the device.
    """
    preflight.pathlike(path=path)
    path = Path(path)
    saved = load_config(path, KEYS)
    compute = computing.again(saved, path, device, processes, precision, compile)
    share = compute.share
    with together.leading(share, partial(writing, path)):
        with reading(path / "config.json"):
            config = remembered(saved)
            space = load_space(saved, space)
            domain = domain or load_domain(saved)
        check_domain(domain, saved, path)
        fields = {f.name: saved[f.name] for f in dataclasses.fields(Plan)} | {"beside": tuple(saved["beside"])}
        fields["device"] = saved["device"] if device is None else str(device)
        fields |= {"precision": compute.precision, "compile": compute.compile}
        domain = computing.on(domain, compute, fields["device"])
        need = alike(share, partial(preflight.check, space, domain, saved["method"], config))
        if retry_failed:
            led(share, partial(retry, path))
        safe = partial(_safe, path)
        with computing.fitting(need, safe, compute_of(domain).device), parted(safe):
            return _search(space, domain, Plan(**{**fields, "config": config}), path, progress, callbacks)


def _safe(path: Path) -> str:
    if not any(file.stat().st_size for file in path.rglob("history.jsonl")):
        return "Nothing was scored yet"
    return f"What was saved is safe, go on with: appnas resume {shlex.quote(str(path))}"


def _search(
    space: Space, domain: Any, plan: Plan, path: Path | None, progress: bool | None, callbacks: Sequence[Callback]
) -> Result:
    chosen, share = catalogue.method(plan.method), compute_of(domain).share
    progress = in_notebook() if progress is None else progress
    locked = Locked(domain) if isinstance(domain, Domain) else domain
    done = found_in(path, space, range(plan.seed, plan.seed + plan.seeds)) if path else {}
    setting = next((name for name in COUNTS if hasattr(plan.config, name)), "") if plan.seeds == 1 else "seeds"
    estimate = Estimate(plan.seeds, f"--{setting}" if setting and progress else setting)
    used = computing.employed(domain, plan.device)[: max(plan.workers, 1)]
    place = computing.place(used, plan.cluster)
    if progress and share.leads:
        computing.announce(place)
    results = []
    for seed in range(plan.seed, plan.seed + plan.seeds):
        folder = path if path is None or plan.seeds == 1 else led(share, partial(_subfolder, path, seed))
        looking: list[Callback] = [together.Together(share)]
        looking += encoders.of_run(folder, space, domain, plan, seed) if folder and share.leads else []
        looking += [together.run_of(share, folder, root=path, space=space, place=place)] if folder else []
        if share.leads:
            looking += [Collapse(space)] if chosen.needs in ("gates", "agent") else [Repeats()]
        looking += computing.watching(plan, used)
        looking += [Progress(f"{plan.method}, seed {seed}", domain=domain)] if progress and share.leads else []
        looking += [estimate] if share.leads else []
        with float32_products(plan.precision):
            found = chosen.search(space, locked, plan.config, seed=seed, callbacks=[*looking, *callbacks])
        more = {"domain": domain, "info": {**found.info, "method": plan.method}}
        results.append(Result(**{**vars(found), **more}))
        if folder and folder != path and share.leads:
            finish(folder, results[-1])
    runs = [_with_arch(run) for run in done.get("runs", ())] or [
        {"seed": result.info["seed"], "best": result.best, "value": value_of(space, locked, result, plan.rank_epochs)}
        for result in results
    ]
    runs = led(share, lambda: runs)
    values = [run["value"] for run in runs]
    best = results[max(range(plan.seeds), key=values.__getitem__)]
    info = {**best.info, "path": str(path) if path else None}
    if plan.seeds > 1 or plan.rank_epochs:
        info |= {"runs": runs, "mean": statistics.fmean(values), "spread": deviation(values)}
        info["ranked_by"] = ranked_by(best, plan.rank_epochs)
    if plan.retrain_epochs:
        info["retrain"] = {"epochs": plan.retrain_epochs, "beside": plan.beside}
    if plan.control:
        budget, ranked = plan.rank_epochs or getattr(plan.config, "budget", 1), plan.rank_epochs > 0
        workers = [together.Together(share), *computing.workers(plan, used)]
        workers += [Progress("control, random search", domain=domain)] if progress and share.leads else []
        info["control"] = _with_arch(
            done.get("control") or equal_budget(space, locked, results, plan.seed, budget, ranked, workers)
        )
    final = dataclasses.replace(best, info=info)
    if path and share.leads:
        finish(path, final)
        encoders.finished(path, final, domain, plan)
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
