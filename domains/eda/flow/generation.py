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
from appnas.domains.eda.flow.labels import label
from appnas.domains.eda.flow.lefdef import Library, read_lef
from appnas.domains.eda.flow.maps import CIRCUITNET, PAPER, features
from appnas.domains.eda.flow.router import overflow
from appnas.domains.eda.flow.rtl import DESIGNS, TINY
from appnas.support import whole

CHANNELS = (*PAPER, *CIRCUITNET)
LABELS = ("drc", "util_h", "util_v", "overflow_h", "overflow_v")
DENSITIES = (1.0, 0.95, 0.9, 0.85, 0.75)
ASPECTS = (0.6, 0.75, 1.0, 1.33)


class Source(NamedTuple):
    """A design to place: Verilog text by a file's name, and its top module."""

    name: str
    files: dict[str, str]
    top: str = "top"


@dataclass(frozen=True)
class Job:
    """One placement of one design."""

    id: str
    design: str
    placing: tools.Placing
    grid: int


def own(names: Sequence[str]) -> list[Source]:
    """Designs of our own by name.

    Raises:
        ValueError: one that there is not.
    """
    known = DESIGNS | TINY
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"there is no design {unknown[0]!r}, there are: {', '.join(known)}")
    return [Source(name, {"top.v": known[name]()}) for name in names]


def plan(designs: Sequence[str], each: int, seed: int, grid: int) -> list[Job]:
    """`each` placements of every design, in turn; placement k of a design depends on the seed, its name and k alone."""
    jobs = []
    for k in range(each):
        for design in designs:
            rng = random.Random(f"{seed} {design} {k}")
            blockages = []
            for _ in range(rng.choice((0, 0, 1, 2))):
                x, y, w, h = rng.uniform(0, 0.8), rng.uniform(0, 0.8), rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.3)
                blockages.append((x, y, min(x + w, 1.0), min(y + h, 1.0)))
            placing = tools.Placing(
                rng.randrange(1, 100_000),
                rng.choice(DENSITIES),
                rng.choice(ASPECTS),
                rng.choice((3, 3, 4)),
                tuple(blockages),
            )
            jobs.append(Job(f"{design}-{k:03d}", design, placing, grid))
    return jobs


def synthesise(source: Source, out: Path) -> Path:
    """The netlist of a design, kept in `out` under a name that tells one source from another."""
    text = json.dumps([source.files, source.top], sort_keys=True)
    kept = out / "netlists" / f"{source.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.blif"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            for name, content in source.files.items():
                (Path(folder) / name).write_text(content)
            made = tools.synthesise([Path(folder) / name for name in source.files], source.top, Path(folder))
            kept.parent.mkdir(parents=True, exist_ok=True)
            with whole(kept) as partial:
                shutil.copy(made, partial)
    return kept


def sample(routed: Path, job: Job, result: dict[str, list[str]], library: Library) -> dict[str, np.ndarray]:
    """Maps, labels and counts of a routed design."""
    design = read_def(routed, library)
    made = features(design, job.grid, job.grid)
    found = label(design, result["open_first"], job.placing.layers, job.grid, job.grid)
    over = overflow(design, job.placing.layers, job.grid, job.grid)
    maps = {
        "drc": found.drc,
        "util_h": found.util_h,
        "util_v": found.util_v,
        "overflow_h": over[0],
        "overflow_v": over[1],
    }
    return {
        "x": np.stack([made[name] for name in CHANNELS]).astype(np.float32),
        "y": np.stack([maps[name] for name in LABELS]).astype(np.float32),
        "counts": np.array([len(result["open_first"]), len(result["open_final"]), len(design.nets), len(design.cells)]),
    }


def make(job: Job, netlist: Path, out: Path, versions: dict[str, str], keep: bool) -> None:
    """Place, route and label one job: `out`/samples/ID.npz, and with `keep` `out`/designs/ID.def.gz and .json.

    A design kept from an earlier run is not routed again.

    Raises:
        ToolError: a tool failed or hung.
        ValueError: a tool wrote something that cannot be read.
    """
    kept = out / "designs" / f"{job.id}.def.gz"
    about = kept.with_name(f"{job.id}.json")
    library = read_lef([tools.TECHNOLOGY / tools.LEF])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kept.exists() and about.exists():
            found, result = kept, json.loads(about.read_text())
        else:
            tools.place(netlist, job.placing, folder)
            result = tools.route(job.placing, folder)._asdict()
            found = folder / "routed.def"
            if keep:
                kept.parent.mkdir(parents=True, exist_ok=True)
                with whole(kept) as partial:
                    partial.write_bytes(gzip.compress(found.read_bytes(), mtime=0))
                with whole(about) as partial:
                    partial.write_text(json.dumps(result))
        arrays = sample(found, job, result, library)
    described = json.dumps({"job": asdict(job), "tools": versions}, sort_keys=True)
    target = out / "samples" / f"{job.id}.npz"
    with whole(target) as partial, partial.open("wb") as file:
        np.savez_compressed(file, described=np.array(described), **arrays)  # type: ignore[arg-type]


def generate(
    sources: Sequence[Source],
    out: Path,
    *,
    each: int = 15,
    seed: int = 0,
    grid: int = 32,
    jobs: int = 2,
    keep: bool = False,
    on_done: Callable[[str, str], None] = lambda name, problem: None,
) -> dict[str, str]:
    """Make all placements that `out` does not hold yet, and pack them into `out`/dataset.npz.

    Args:
        sources: the designs.
        out: folder; a run that was stopped goes on from there.
        each: placements a design.
        seed: of all that is drawn.
        grid: gcells along either side.
        jobs: processes at a time.
        keep: keep the routed DEF files.
        on_done: called with the id of every sample when it ends, and its problem, empty if there was none.

    Returns:
        What failed, by id, and why; it is also in `out`/failed.json. The others went on.

    Raises:
        ToolError: tools are missing.
        ValueError: `out` holds samples of another grid or seed, or nothing could be made at all.
    """
    versions = tools.needed()
    (out / "samples").mkdir(parents=True, exist_ok=True)
    todo = plan([source.name for source in sources], each, seed, grid)
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
        partial.write_text(json.dumps(failed, indent=1, sort_keys=True) + "\n")
    pack([out / "samples" / f"{job.id}.npz" for job in todo], out / "dataset.npz")
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


def pack(paths: Sequence[Path], target: Path) -> None:
    """Samples as one compact file: maps in eight bits, the square root of each channel's share of its maximum.

    Raises:
        ValueError: there is no sample at all.
    """
    found = [path for path in paths if path.exists()]
    if not found:
        raise ValueError(f"no sample could be made; see {target.with_name('failed.json')}")
    arrays = [dict(np.load(path)) for path in found]
    x, y = np.stack([a["x"] for a in arrays]), np.stack([a["y"] for a in arrays])
    described = [json.loads(str(a["described"])) for a in arrays]
    packed: dict[str, Any] = {"channels": np.array(CHANNELS), "labels": np.array(LABELS)}
    for name, maps in (("x", x), ("y", y)):
        # A power of two above the largest value: more samples seldom change how those before them are rounded.
        top = 2.0 ** np.ceil(np.log2(np.maximum(maps.max((0, 2, 3)), 2.0**-10)))
        share = maps / top[:, None, None]
        packed |= {name: np.round(255 * np.sqrt(share)).astype(np.uint8), f"{name}_top": top}
    packed["counts"] = np.stack([a["counts"] for a in arrays])
    packed["ids"] = np.array([d["job"]["id"] for d in described])
    packed["designs"] = np.array([d["job"]["design"] for d in described])
    packed["placings"] = np.array([json.dumps(d["job"]["placing"], sort_keys=True) for d in described])
    packed["tools"] = np.array(json.dumps(described[0]["tools"], sort_keys=True))
    with whole(target) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **packed)
