"""Labelled placements in numbers: which to make, made in parallel, gone on with after a stop, packed into one file."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from appnas.domains.eda.flow import tools
from appnas.domains.eda.flow.design import read_def
from appnas.domains.eda.flow.grids import Grid
from appnas.domains.eda.flow.labels import label
from appnas.domains.eda.flow.lefdef import Library, read_lef
from appnas.domains.eda.flow.maps import CIRCUITNET
from appnas.domains.eda.flow.netlists import netlist
from appnas.domains.eda.flow.packed import pack
from appnas.domains.eda.flow.router import DEFAULT, channels
from appnas.domains.eda.flow.rtl import DESIGNS, OSU018, TINY
from appnas.support import whole

CHANNELS = (*DEFAULT, *CIRCUITNET)
LABELS = ("drc", "util_h", "util_v")
DENSITIES = (1.0, 0.95, 0.9, 0.85, 0.75)
ASPECTS = (0.6, 0.75, 1.0, 1.33)


class Source(NamedTuple):
    """A design to place: Verilog text by a file's name, its top module, and whose cells it is made of."""

    name: str
    files: dict[str, str]
    top: str = "top"
    technology: str = "osu035"


@dataclass(frozen=True)
class Job:
    """One placement of one design, routed with its nets in so many orders."""

    id: str
    design: str
    placing: tools.Placing
    grid: int
    orders: int = 1


def own(names: Sequence[str]) -> list[Source]:
    """Designs of our own by name.

    Raises:
        ValueError: one that there is not.
    """
    known = DESIGNS | TINY
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"there is no design {unknown[0]!r}, there are: {', '.join(known)}")
    return [
        Source(name, {"top.v": known[name]()}, technology="osu018" if name in OSU018 else "osu035") for name in names
    ]


def plan(sources: Sequence[Source], each: int, seed: int, grid: int, orders: int = 1) -> list[Job]:
    """`each` placements of every design, in turn; placement k of a design depends on the seed, its name and k alone."""
    jobs = []
    for k in range(each):
        for source in sources:
            rng = random.Random(f"{seed} {source.name} {k}")
            blockages = []
            for _ in range(rng.choice((0, 0, 1, 2))):
                x, y, w, h = rng.uniform(0, 0.8), rng.uniform(0, 0.8), rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.3)
                blockages.append((x, y, min(x + w, 1.0), min(y + h, 1.0)))
            placing = tools.Placing(
                source.technology,
                rng.randrange(1, 100_000),
                rng.choice(DENSITIES),
                rng.choice(ASPECTS),
                rng.choice((3, 3, 4)),
                tuple(blockages),
            )
            jobs.append(Job(f"{source.name}-{k:03d}", source.name, placing, grid, orders))
    return jobs


def synthesise(source: Source, out: Path) -> Path:
    """The netlist of a design, kept in `out` under a name that tells one source from another."""
    text = json.dumps([source.files, source.top, source.technology], sort_keys=True)
    kept = out / "netlists" / f"{source.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.blif"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            for name, content in source.files.items():
                (Path(folder) / name).write_text(content, "utf-8")
            made = tools.synthesise(
                [Path(folder) / name for name in source.files], source.top, source.technology, Path(folder)
            )
            kept.parent.mkdir(parents=True, exist_ok=True)
            with whole(kept) as partial:
                shutil.copy(made, partial)
    return kept


def sample(routings: Sequence[tuple[Path, dict[str, list[str]]]], job: Job, library: Library) -> dict[str, np.ndarray]:
    """Maps of a placement (of its first routing), and labels and counts of all K routings.

    Shapes:
        returns: x: [C, H, W]; y: [K, L, H, W]; counts: [K, 4], nets open first and, of the first routing, at last,
            nets, cells; pins: [P, 3].
    """
    x, pins = np.empty(0), np.empty(0)
    y: list[np.ndarray] = []
    counts: list[list[int]] = []
    for path, result in routings:
        design = read_def(path, library)
        if not counts:
            grid = Grid(design.die, job.grid, job.grid)
            made, pins = channels(design, grid, CHANNELS, job.placing.layers), netlist(design, grid)
            x = np.stack([made[name] for name in CHANNELS])
        found = label(design, result["open_first"], job.placing.layers, job.grid, job.grid)
        y.append(np.stack([getattr(found, name) for name in LABELS]).astype(np.float32))
        counts.append([len(result["open_first"]), len(result["open_final"]), len(design.nets), len(design.cells)])
    return {"x": x, "y": np.stack(y), "counts": np.array(counts), "pins": pins}


def make(job: Job, netlist: Path, out: Path, versions: dict[str, str], keep: bool) -> None:
    """Place, route and label one job: `out`/samples/ID.npz, and with `keep` `out`/designs/ID.ORDER.def.gz and .json.

    Designs kept from an earlier run are not routed again.

    Raises:
        ToolError: a tool failed or hung.
        ValueError: a tool wrote something that cannot be read.
    """
    routings: list[tuple[Path, dict[str, list[str]]]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for order in range(job.orders):
            kept = out / "designs" / f"{job.id}.{order}.def.gz"
            about = kept.with_name(f"{job.id}.{order}.json")
            if kept.exists() and about.exists():
                routings.append((kept, json.loads(about.read_text("utf-8"))))
                continue
            if not (folder / "p.def").exists():
                tools.place(netlist, job.placing, folder)
            result = tools.route(job.placing, folder, order)._asdict()
            found = (folder / "routed.def").rename(folder / f"routed{order}.def")
            routings.append((found, result))
            if keep:
                kept.parent.mkdir(parents=True, exist_ok=True)
                with whole(kept) as partial:
                    partial.write_bytes(gzip.compress(found.read_bytes(), mtime=0))
                with whole(about) as partial:
                    partial.write_text(json.dumps(result), "utf-8")
        arrays = sample(routings, job, read_lef([tools.cells(job.placing.technology)]))
    described = json.dumps({"job": asdict(job), "tools": versions}, sort_keys=True)
    target = out / "samples" / f"{job.id}.npz"
    with whole(target) as partial, partial.open("wb") as file:
        np.savez_compressed(file, described=np.array(described), **arrays)  # type: ignore[arg-type]


def generate(
    sources: Sequence[Source],
    out: Path,
    *,
    each: int = 8,
    orders: int = 4,
    seed: int = 0,
    grid: int = 32,
    jobs: int = 2,
    keep: bool = False,
    graphs: bool = False,
    kept: Sequence[str] = (),
    on_done: Callable[[str, str], None] = lambda name, problem: None,
) -> dict[str, str]:
    """Make all placements that `out` does not hold yet, and pack them into `out`/dataset.npz.

    Args:
        sources: the designs.
        out: folder; a run that was stopped goes on from there.
        each: placements a design. All designs have their k-th before any has the next: one may stop at any time.
        orders: how often a placement is routed, with its nets in another order each time; labels are means.
        seed: of all that is drawn.
        grid: gcells along either side.
        jobs: processes at a time.
        keep: keep the routed DEF files: for maps on another grid, or with other channels, none is then routed again.
        graphs: pack the pins of every placement too, for networks that pass messages over nets.
        kept: channels of the packed file; by default all. The samples have all in any case.
        on_done: called with the id of every sample when it ends, and its problem, empty if there was none.

    Returns:
        What failed, by id, and why; it is also in `out`/failed.json. The others went on.

    Raises:
        ToolError: tools are missing.
        ValueError: `out` holds samples of other settings, or nothing could be made at all.
    """
    versions = tools.needed()
    (out / "samples").mkdir(parents=True, exist_ok=True)
    todo = plan(sources, each, seed, grid, orders)
    for job in todo:
        _same(out / "samples" / f"{job.id}.npz", job)
    failed: dict[str, str] = {}
    with ProcessPoolExecutor(jobs) as pool:
        netlists: dict[str, Path] = {}
        for source, problem, path in _each(pool, sources, lambda s: pool.submit(synthesise, s, out)):
            if path is None:
                failed[source.name] = problem
                on_done(source.name, problem)
            else:
                netlists[source.name] = path
        missing = [j for j in todo if j.design in netlists and not (out / "samples" / f"{j.id}.npz").exists()]
        for job, problem, _ in _each(
            pool, missing, lambda j: pool.submit(make, j, netlists[j.design], out, versions, keep)
        ):
            on_done(job.id, problem)
            if problem:
                failed[job.id] = problem
    with whole(out / "failed.json") as partial:
        partial.write_text(json.dumps(failed, indent=1, sort_keys=True) + "\n", "utf-8")
    samples = [out / "samples" / f"{job.id}.npz" for job in todo]
    pack(samples, out / "dataset.npz", CHANNELS, LABELS, kept, graphs=graphs)
    return failed


def _each(
    pool: ProcessPoolExecutor, items: Sequence[Any], submit: Callable[[Any], Future[Any]]
) -> Iterator[tuple[Any, str, Any]]:
    """Every item as it ends, what went wrong with it, and its result."""
    running = {submit(item): item for item in items}
    for future in as_completed(running):
        try:
            yield running[future], "", future.result()
        except Exception as error:  # whatever one design brings about, the others go on and the failure is listed
            yield running[future], f"{type(error).__name__}: {error}", None


def _same(path: Path, job: Job) -> None:
    if path.exists():
        with np.load(path) as arrays:
            there = json.loads(str(arrays["described"]))["job"]
        if there != json.loads(json.dumps(asdict(job))):
            raise ValueError(f"{path} was made with other settings ({there}): use another folder")
