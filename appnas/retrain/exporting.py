"""The trained network out of a run: safetensors weights, `arch.json`, ONNX; and back into a module.

model.safetensors   the weights
arch.json           what to build around them: space, architecture, sizes of inputs and outputs, where it comes from
model.onnx          the same network with a free batch size, or free numbers of nodes and edges, checked against torch
network.py          the same network as plain torch, without appnas: see `appnas.retrain.plain.plain_source`
README.md           a model card, and config.json beside it, as on the Hugging Face hub: see `appnas.retrain.hub`

Nothing here is ever unpickled: `load` builds the network from `arch.json` and reads the weights as plain tensors.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import safetensors.torch
import torch
from torch import nn

from appnas.compute import by_one, device_of
from appnas.cost import require, to_onnx
from appnas.loop import versions
from appnas.retrain.hub import folder
from appnas.retrain.plain import plain_source
from appnas.retrain.retraining import inputs
from appnas.run import KEYS, WEIGHTS, load_config, load_weights, put_weights, read_json, stored, write_json
from appnas.run.catalogue import is_own
from appnas.run.provenance import found_in, load_domain, load_space, remembered
from appnas.space import IO, Space, check, describe
from appnas.support import AbsentError, RunError, reading, room, seeded
from appnas.support.dotted import imported
from appnas.support.plain import from_plain
from appnas.task import Domain

FORMAT = 1
"""Version of `arch.json`."""
NAMES = {
    "onnx": "model.onnx", "weights": "model.safetensors", "arch": "arch.json", "source": "network.py",
    "card": "README.md", "config": "config.json",
}  # fmt: skip
To = Literal["onnx", "source", "hub"]
"""What an export may hold beside weights and `arch.json`; the hub's folder has the source, too."""
LEFT = {*NAMES.values(), "arch.json.partial"}
"""What a folder of an export may hold while it is written."""


@by_one
def export(
    run: Path, out: Path, *, to: Sequence[To] = ("onnx",), onnx: bool = True, space: Space | None = None,
    domain: Domain | None = None,
) -> dict[str, Path]:  # fmt: skip
    """Write what a run found and retrained, with the weights of the first training seed. Of processes, the first does.

    Args:
        run: its directory.
        out: folder to write to, new or empty.
        to: what to write beside the weights; ONNX needs the extra `export`.
        onnx: False leaves ONNX out.
        space: needed only if the run was started with one that has no name, see `appnas.run.provenance`.
        domain: likewise, and only for what is traced: ONNX and source.

    Returns:
        The files: "weights", "arch", and of "onnx", "source", "card" and "config" what was asked for.

    Raises:
        RunError: no finished and retrained run there, or `out` is not empty.
        ImportError: a package of the extra `export` is missing.
        ValueError: it cannot be written so, or what was written computes something else than the torch network; an
            unknown name in `to`.
    """
    run, out = Path(run), Path(out)
    if wrong := set(to) - set(get_args(To)):
        raise ValueError(f"to names some of {', '.join(get_args(To))}, got {sorted(wrong)}")
    onnx, source = onnx and "onnx" in to, bool({"source", "hub"} & set(to))
    if out.exists() and not _free(out):
        raise RunError(f"{out} is not empty: give another folder")
    if onnx:
        require("onnx", "onnxscript", "onnxruntime")
    saved = load_config(run, KEYS)
    found, record = read_json(run / "result.json"), _trained(run)
    with reading(run / "config.json"):
        remembered(saved)
        space = load_space(saved, space)
        domain = domain if "io" in record and not (onnx or source) else domain or load_domain(saved)
    if domain and (onnx or source or "io" not in record):  # runs of earlier versions did not keep inputs' shapes
        record |= inputs(domain)
    found_in(run, space)
    arch = check(space, found["best"])
    with reading(run / "retrain.json"):
        io = from_plain(IO, record["io"])
    with reading(run / "result.json"):
        model = seeded(0, partial(space.build, arch, io)).eval()
    load_weights(run, model)
    _of_one_training(run, record)
    files = {"weights": stored(model.state_dict())}
    traced = (model, domain.example(2), domain.example(5)) if domain and (onnx or source) else None
    if onnx and traced:
        files["onnx"] = to_onnx(*traced)
    content = {
        "format": FORMAT,
        "space": {name: value for name, value in saved["space"].items() if name != "folder"},
        "arch": list(arch),
        "options": describe(space.choices, arch),
        "io": record["io"],
        "preprocessing": record.get("preprocessing", {}),
        "domain": {name: value for name, value in saved["domain"].items() if name != "folder"},
        "method": saved["method"],
        "seed": found.get("seed", saved["seed"]),
        "epochs": record["epochs"],
        "versions": versions(),
        "weights": hashlib.sha256(files["weights"]).hexdigest(),
    }
    if source and traced:
        files["source"] = plain_source(*traced, about=_about(content)).encode()
    if "hub" in to:
        names = sorted([*(NAMES[name] for name in files), NAMES["arch"], NAMES["config"]])
        files |= {name: text.encode() for name, text in folder(content, record, model, _field(space), names).items()}
    _write(out, files, {**content, "hash": _digest(content)})
    return {name: out / file for name, file in NAMES.items() if (out / file).exists()}


def _field(space: Space) -> str:
    """Whether a space of ours is on images, graphs, text, for agents or on chips."""
    return type(space).__module__.removeprefix("appnas.spaces.").split(".")[0]


def _about(content: dict[str, Any]) -> str:
    """What stands above the plain source."""
    said = [
        "A trained network in plain torch; nothing else is imported but safetensors, which reads its weights.", "",
        "    from network import load", "", "    model = load()  # of model.safetensors beside this file", "",
        f"Inputs of an example: {content['io']['inputs']}. Outputs: {content['io']['outputs']}.",
    ]  # fmt: skip
    if content["preprocessing"]:
        said += [f"Done to the data: {json.dumps(content['preprocessing'])}."]
    found, versions = f"{content['method']} in the space {content['space']['name']}", content["versions"]
    said += [f"Found by {found} with appnas {versions['appnas']}, torch {versions['torch']}.", ""]
    return "\n".join(said).replace("\\", "\\\\").replace('"' * 3, "'" * 3)


def _free(folder: Path) -> bool:
    """Whether a folder is empty, or holds no more than an export that failed has left."""
    names = {path.name.removesuffix(".partial") for path in folder.iterdir()} if folder.is_dir() else {""}
    return _ours(names, set(NAMES.values())) and not (folder / NAMES["arch"]).exists()


def _ours(names: set[str], known: set[str]) -> bool:
    """Whether files are those of an export: a README.md without the weights, which are written first, is not."""
    return names <= known and (
        NAMES["weights"] in names or not names & {NAMES[x] for x in ("source", "card", "config")}
    )


def _write(out: Path, files: dict[str, bytes], content: dict[str, Any]) -> None:
    """Write all files beside the folder, then put them in its place: an export is there whole, or not at all.

    A folder that is there, empty, is filled, `arch.json` last: without it nothing is loaded.
    """
    out = out.resolve()
    beside = out.with_name(out.name + ".partial")
    if beside.exists():
        if not _ours({path.name for path in beside.iterdir()}, LEFT):
            raise RunError(f"{beside} is in the way, and no left-over of an export: give another folder than {out}")
        shutil.rmtree(beside)
    beside.mkdir(parents=True)
    try:
        for name, data in files.items():
            with room(beside / NAMES[name], f"nothing was exported to {out}: make room, and repeat the command"):
                (beside / NAMES[name]).write_bytes(data)
        write_json(beside / NAMES["arch"], content)
        if not out.exists():
            beside.rename(out)
            return
        for left in out.iterdir():  # of an export that failed
            left.unlink()
        for made in sorted(beside.iterdir(), key=lambda file: file.name == NAMES["arch"]):
            made.rename(out / made.name)  # into the folder, which somebody may stand in or have mounted
        beside.rmdir()
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def load(folder: Path, space: Space | None = None, device: str | torch.device = "cpu") -> nn.Module:
    """The exported network, in evaluation mode.

    A space of somebody's own is imported by its dotted name, if that is a class of spaces or models, which runs the
    module's code: load what you trust.

    Args:
        folder: what `export` wrote.
        space: needed only if it is neither in the catalogue nor known by the dotted name of a class.
        device: where to; "auto" for the accelerator if torch has one. Weights are kept as on the CPU, wherever they
            were trained.

    Raises:
        ValueError: torch has no such device; the space is none of the catalogue, and none was given.
        RunError: no export there, one of another format, or changed or damaged files.
    """
    folder, there = Path(folder), device_of(device)
    for name in ("arch.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise RunError(f"{folder} is not an export: it has no {name}")
    content, data = read_json(folder / "arch.json"), (folder / "model.safetensors").read_bytes()
    if content.get("format") != FORMAT:
        raise RunError(f"{folder} was written in format {content.get('format')}, this version reads format {FORMAT}")
    if content.pop("hash", None) != _digest(content):
        raise RunError(f"{folder / 'arch.json'} was changed after the export: its hash does not fit")
    if content["weights"] != hashlib.sha256(data).hexdigest():
        raise RunError(f"{folder / 'model.safetensors'} is damaged, or belongs to another arch.json")
    with reading(folder / "arch.json"):
        if space is None:
            _builds(content["space"]["name"])
        space = load_space({"space": {**content["space"], "folder": ""}}, space)
        arch, io = check(space, content["arch"]), from_plain(IO, content["io"])
        model = seeded(0, partial(space.build, arch, io))
        weights = safetensors.torch.load(data)
    put_weights(model, weights, folder / "model.safetensors", "export again")
    return model.eval().to(there)


def _builds(name: str | None) -> None:
    """Whether what an export names makes spaces or models, and is no function that a file could have called.

    Raises:
        ValueError: it is something else.
    """
    if name is None or not is_own(name):
        return
    try:
        kind = imported(name)
    except AbsentError:  # which is told where the space is made
        return
    if not isinstance(kind, type) or not (issubclass(kind, nn.Module) or hasattr(kind, "build")):
        raise ValueError(
            f"the space of this export was made by {name}, which is no class of spaces or models and is not called"
            " because a file says so: if you trust it, give what it returns, load(folder, space=...)"
        )


def _trained(run: Path) -> dict[str, Any]:
    """What retrain.json tells.

    Raises:
        RunError: the run was not retrained.
    """
    if not (run / WEIGHTS).exists() or not (run / "retrain.json").exists():
        again = f"train it first: appnas retrain {shlex.quote(str(run))} --epochs 20"
        raise RunError(f"{run} holds a search, but no trained network; {again}")
    record: dict[str, Any] = read_json(run / "retrain.json")
    return record


def _of_one_training(run: Path, record: dict[str, Any]) -> None:
    """Whether the weights are those that retrain.json tells of.

    Raises:
        RunError: a later training was interrupted between the two.
    """
    told = record.get("weights", "")
    if told and told != hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest():
        raise RunError(
            f"{run / WEIGHTS} is of another training than retrain.json, which was interrupted: repeat it,"
            f" appnas retrain {shlex.quote(str(run))}"
        )


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
