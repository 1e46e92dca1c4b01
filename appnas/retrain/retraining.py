"""After the search: train what it found from scratch, beside controls, and only then look at test data."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from appnas.compute import Precision, compute_of, led, parted
from appnas.cost import counts, latencies, placing
from appnas.loop import SearchResult, in_notebook, training
from appnas.retrain.batches import check_batches
from appnas.retrain.ensemble import Ensemble, Together, best_few, kind_of, selected
from appnas.retrain.retrained import Retrained
from appnas.retrain.rows import Row, _row_json
from appnas.run import add_place, belongs, save_showcase, save_weights, told_places, write_json, writing
from appnas.space import Arch, Space, constant_arch, random_arch
from appnas.support import DataError, RunError, failure_of, offers, seeded, told
from appnas.task import Domain, OnEpoch, as_chosen, metric_of, on, placed


def controls(space: Space, names: Sequence[str], seed: int = 0, like: Arch | None = None) -> dict[str, Arch]:
    """Architectures to compare with.

    Args:
        space: where from.
        names: "random" for a random architecture; a hand-made network of the space (`hand_made`), "gcn", say; or an
            option's name for one that takes it everywhere.
        seed: of the random ones.
        like: an architecture whose choices of the training they have, if the space has such (`trained_as`).

    Raises:
        ValueError: a name that no choice offers.
        TypeError: the space has no `discretise`, which one operation everywhere needs.
    """
    rng, found = random.Random(seed), {}
    known: Mapping[str, Arch] = getattr(space, "hand_made", None) or {}
    for name in names:
        if name == "random":
            found[name] = random_arch(space, rng)
        elif name in known:
            found[name] = known[name]
        else:
            offers(space, ["discretise"], f"{name!r} everywhere, asked for beside what is found,")
            found[f"all {name}"] = constant_arch(space, name)
    same: Any = getattr(space, "trained_as", None)
    return {name: same(arch, like) for name, arch in found.items()} if same and like else found


def retrain(
    result: SearchResult,
    epochs: int | None = None,
    *,
    seeds: int = 1,
    beside: Sequence[str] | None = None,
    out: str | Path | None = None,
    device: str | torch.device | None = None,
    precision: Precision | None = None,
    compile: bool | None = None,
    splits: Literal["own", "all"] = "own",
    ensemble: int = 0,
    ensemble_by: Together = "voting",
    progress: bool | None = None,
) -> Retrained:
    """Train the found architecture and its controls from scratch on all training data, then test each once a seed.

    After a search by several processes each of them calls this, and they train together; the first one writes.

    Args:
        result: of a search.
        epochs: (or environment steps) of every training; by default those that the search was asked to retrain for,
            else the domain's own `budget`.
        seeds: number of trainings of every architecture.
        beside: controls, see `controls`; by default those that the search was asked for. What random search at equal
            budget found is one too, if it ran (`control=True`). One that fails is left out, with a warning.
        out: directory where every training is kept, so that an interrupted call goes on; by default the search's
            own, if it has one.
        device: that networks are trained on; by default where the search trained its own. A training that was
            interrupted may go on elsewhere.
        precision: of the networks in training, by default as in the search; tests are in float32.
        compile: let torch compile them before, by default as in the search.
        splits: "all" trains and tests on every official split that the domain's data hold (its `splits()`), as papers
            on graphs do; "own" on that of the search. Splits overlap: a node that validated in the search may test.
        ensemble: if above 1, a row of so many of the search's best together, the found one first: the mean of their
            probabilities, or numbers (`appnas.retrain.ensemble`).
        ensemble_by: "voting", or "stacking": a mean weighed by validation data.
        progress: show a live line; by default in a notebook alone.

    Raises:
        TypeError: an ensemble of what is not classes, sets of labels or numbers.
        ValueError: the result has no domain with data, that has nothing to test on, nothing is asked for, torch does
            not have the device, or the device lacks the precision.
        RunError: somebody else writes to the directory.
    """
    space, domain = testable(result.space, result.domain)
    domain = domain if device is None else on(domain, device)
    now = compute_of(domain)
    compiles = now.compile if compile is None else compile
    domain = placed(domain, replace(now, precision=precision or now.precision, compile=compiles))
    asked = result.info.get("retrain", {})
    tuned, chosen = as_chosen(space, result.best, domain, 0)
    epochs = asked.get("epochs") or chosen or _budget(domain) if epochs is None else epochs
    beside = asked.get("beside", ()) if beside is None else beside
    if min(epochs, seeds) < 1:
        raise ValueError(f"epochs and seeds must be at least 1, got {epochs} and {seeds}")
    progress = in_notebook() if progress is None else progress
    seed = int(result.info.get("seed", 0))
    folder = out or result.info.get("path")
    out = Path(folder) if folder else None
    share = compute_of(domain).share
    few = best_few(result.history, result.best, ensemble) if ensemble else []
    together = (few, ensemble_by, kind_of(domain, ensemble_by)) if few else None
    if out:
        belongs(out, result.info.get("path"), result.best)
        out.mkdir(parents=True, exist_ok=True)
    final = getattr(domain, "trained_on", lambda _: "all")(True)
    build = partial(seeded, 0, partial(space.build, result.best, domain.io))
    check_batches(build, tuned, final, f"the network {result.best}")
    searched = {"random search": result.info["control"]["best"]} if "control" in result.info else {}
    candidates = {"found": result.best, **searched, **controls(space, beside, seed, result.best)}
    here, kept = compute_of(domain).device, "What was trained is kept, repeat the command"
    with ExitStack() as held, told(None, lambda: kept, here), parted(lambda: kept):
        if out:
            led(share, lambda: held.enter_context(writing(out)))
        return _train_all(space, _splits(domain, splits), candidates, together, epochs, seeds, out, progress)


def _splits(domain: Any, which: str) -> list[Any]:
    """The domain, or one for each of the splits that its data hold.

    Raises:
        ValueError: there is one only.
    """
    if which not in ("own", "all"):
        raise ValueError(f"splits are 'own' or 'all', got {which!r}")
    if which == "own":
        return [domain]
    found: list[Any] = domain.splits() if hasattr(domain, "splits") else []
    if len(found) < 2:
        raise ValueError(
            "splits='all' is for data that hold several splits, such as masks [nodes, splits]; here is one"
        )
    return [placed(one, compute_of(domain)) for one in found]


def _train_all(
    space: Space, domains: Sequence[Any], candidates: Mapping[str, Arch],
    together: tuple[Sequence[Arch], Together, str] | None, epochs: int, seeds: int, out: Path | None, progress: bool,
) -> Retrained:  # fmt: skip
    domain = domains[0]
    rows, models, share = [], [], compute_of(domain).share
    if out and share.leads:
        add_place(out, epochs, placing(compute_of(domain).device))
    for name, arch in candidates.items():
        try:
            row, model = _train_row(space, domains, name, arch, epochs, seeds, out, progress)
        except (DataError, RunError, OSError):
            raise
        except Exception as error:
            if name == "found":
                raise
            warnings.warn(f"the control {name!r}, {arch}, failed and is left out: {failure_of(error)}", stacklevel=3)
        else:
            rows.append(row)
            models.append(model)
    if together:
        row, model = _together(space, domains, *together, epochs, seeds, out, progress)
        rows.append(row)
        models.append(model)
    measured = led(share, lambda: latencies(models, domain.example(1), repeats=20, warmup=3))
    rows = [replace(row, latency=found.median) for row, found in zip(rows, measured, strict=True)]
    if out and share.leads:
        shown = domain.showcase(models[0]) if hasattr(domain, "showcase") else {}
        weights = save_weights(out, models[0])
        save_showcase(out, shown)
        content = {"epochs": epochs, "latency": measured[0].conditions, "rows": [_row_json(row) for row in rows]}
        content |= {"split": getattr(domain, "trained_on", lambda _: "all")(True), "weights": weights}
        content |= {"precision": compute_of(domain).precision, "places": told_places(out, epochs)}
        content |= {"metric": asdict(metric)} if (metric := metric_of(domain)) else {}
        write_json(out / "retrain.json", {**content, **inputs(domain)})
    return Retrained(models[0], rows, epochs, len(domains))


def _train_row(
    space: Space, domains: Sequence[Any], name: str, arch: Arch, epochs: int, seeds: int, out: Path | None,
    progress: bool,
) -> tuple[Row, nn.Module]:  # fmt: skip
    """One architecture, trained and tested once a seed and split, and its first network."""
    return _tested(name, arch, domains, _trainings(space, domains, name, arch, epochs, seeds, out, progress))


def _together(
    space: Space, domains: Sequence[Any], archs: Sequence[Arch], how: Together, kind: str, epochs: int, seeds: int,
    out: Path | None, progress: bool,
) -> tuple[Row, nn.Module]:  # fmt: skip
    """Several architectures, trained like one, and what they answer together."""
    names = ["found", *(f"number {i + 2}" for i in range(len(archs) - 1))]
    each = [
        _trainings(space, domains, name, arch, epochs, seeds, out, progress)
        for name, arch in zip(names, archs, strict=True)
    ]

    def joined(trained: Sequence[tuple[Any, nn.Module]]) -> tuple[Any, nn.Module]:
        domain, members = trained[0][0], [network for _, network in trained]
        weights = selected(domain, members, kind) if how == "stacking" else None
        return domain, Ensemble(members, kind, weights).eval()

    name = f"best {len(archs)} by {how}"
    row, model = _tested(name, archs[0], domains, (joined(trained) for trained in zip(*each, strict=True)))
    return replace(row, members=len(archs)), model


def _trainings(
    space: Space, domains: Sequence[Any], name: str, arch: Arch, epochs: int, seeds: int, out: Path | None,
    progress: bool,
) -> Iterator[tuple[Any, nn.Module]]:  # fmt: skip
    """The domains, and one architecture trained on them, once a seed and split."""
    leads = compute_of(domains[0]).share.leads
    for number, repeat in product(range(len(domains)), range(seeds)):
        place = f"-split-{number}" if len(domains) > 1 else ""
        file = out and out / f"train-{_slug(name)}-{epochs}-{repeat}{place}.pt"
        said = f", split {number + 1} of {len(domains)}" if place else ""
        with training(f"{name}, seed {repeat + 1} of {seeds}{said}", epochs, progress and leads) as on_epoch:
            yield domains[number], train_one(space, domains[number], arch, epochs, repeat, file, on_epoch)


def _tested(
    name: str, arch: Arch, domains: Sequence[Any], networks: Iterable[tuple[Any, nn.Module]]
) -> tuple[Row, nn.Module]:
    """The row of networks, each tested on its domain, and the first of them."""
    tests, first = [], None
    for domain, network in networks:
        first = first or network
        tests.append(domain.test(network))
    assert first is not None
    macs = counts.macs(first.eval(), domains[0].example(1))
    return Row(name, arch, counts.parameters(first), macs, tests, metric=metric_of(domains[0])), first


def testable(space: Space | None, domain: Any) -> tuple[Space, Domain]:
    """Both, if something found could be trained and tested.

    Raises:
        ValueError: no domain with data, or one without held-out data.
    """
    if space is None or not isinstance(domain, Domain):
        raise ValueError("retraining needs a space and a domain with data; a table has its own `test`")
    if not getattr(domain, "has_test", True):
        raise ValueError(
            "this domain was made without held-out data, so that nothing trained can be tested: make it with some, or"
            " train without a test by domain.fit(result.model(), epochs, final=True)"
        )
    return space, domain


def inputs(domain: Domain) -> dict[str, Any]:
    """What a network of the domain takes and gives, and what was done to its inputs: what an export tells."""
    io = {name: told for name, told in asdict(domain.io).items() if told or name in ("inputs", "outputs")}
    return {"io": io, "preprocessing": getattr(domain, "preprocessing", dict)()}


def _budget(domain: Domain) -> int:
    epochs: int | None = getattr(domain, "budget", None)
    if epochs is None:
        raise ValueError(f"{type(domain).__name__} does not say how long to train: give epochs")
    return epochs


def train_one(
    space: Space,
    domain: Domain,
    arch: Arch,
    epochs: int,
    seed: int,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> nn.Module:
    """One network, trained on all that trains after a search; from its checkpoint if there is one."""
    model = seeded(seed, partial(space.build, arch, domain.io), compute_of(domain).device)
    domain, _ = as_chosen(space, arch, domain, epochs)
    vars(model)["built_from"] = list(arch)  # networks whose options are no modules look alike to a checkpoint
    domain.fit(model, epochs, final=True, seed=seed, checkpoint=checkpoint, on_epoch=on_epoch)
    return model


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
