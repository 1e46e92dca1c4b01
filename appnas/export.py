"""The trained network out of a run: safetensors weights, `arch.json`, ONNX; and back into a module.

model.safetensors   the weights
arch.json           what to build around them: space, architecture, sizes of inputs and outputs, where it comes from
model.onnx          the same network with a free batch size, checked against torch

Nothing here is ever unpickled: `load` builds the network from `arch.json` and reads the weights as plain tensors.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

from appnas import catalogue
from appnas.domain import Domain
from appnas.evaluate import seeded
from appnas.journal import RunError, read_json, write_json
from appnas.named import load_domain, load_space
from appnas.portable import require, to_onnx
from appnas.retrain import WEIGHTS, inputs
from appnas.run import load_config
from appnas.search import versions
from appnas.space import IO, Space, check, describe

FORMAT = 1
"""Version of `arch.json`."""


def export(
    run: Path, out: Path, *, onnx: bool = True, space: Space | None = None, domain: Domain | None = None
) -> dict[str, Path]:
    """Write what a run found and retrained, with the weights of the first training seed.

    Args:
        run: its directory.
        out: folder to write to, new or empty.
        onnx: write ONNX too; needs the extra `export`.
        space: needed only if the run was started with one that is not in the catalogue.
        domain: likewise, and only for ONNX.

    Returns:
        The files: "onnx", "weights" and "arch".

    Raises:
        RunError: no finished and retrained run there, or `out` is not empty.
        ImportError: a package of the extra `export` is missing.
        ValueError: the ONNX network computes something else than the torch network.
    """
    run, out = Path(run), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is not empty: give another folder")
    if onnx:
        require("onnx", "onnxscript", "onnxruntime")
    saved = load_config(run)
    found, trained, record = read_json(run / "result.json"), _trained(run), read_json(run / "retrain.json")
    space = space or load_space(saved)
    if onnx or "io" not in record:  # examples to trace with; runs of earlier versions did not keep the inputs' shape
        domain = domain or load_domain(saved)
        record |= inputs(domain)
    arch, io = check(space, found["best"]), catalogue.from_plain(IO, record["io"])
    model = seeded(0, partial(space.build, arch, io)).eval()
    model.load_state_dict(trained)
    files = {"onnx": to_onnx(model, domain.example(2), domain.example(5))} if onnx and domain else {}
    files["weights"] = safetensors.torch.save({name: x.contiguous() for name, x in model.state_dict().items()})
    content = {
        "format": FORMAT,
        "space": saved["space"],
        "arch": list(arch),
        "options": describe(space.choices, arch),
        "io": record["io"],
        "preprocessing": record["preprocessing"],
        "domain": saved["domain"],
        "method": saved["method"],
        "seed": found.get("seed", saved["seed"]),
        "epochs": record["epochs"],
        "versions": versions(),
        "weights": hashlib.sha256(files["weights"]).hexdigest(),
    }
    paths = {"onnx": out / "model.onnx", "weights": out / "model.safetensors", "arch": out / "arch.json"}
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        paths[name].write_bytes(data)
    write_json(paths["arch"], {**content, "hash": _digest(content)})
    return {name: path for name, path in paths.items() if path.exists()}


def load(folder: Path, space: Space | None = None) -> nn.Module:
    """The exported network, in evaluation mode.

    Args:
        folder: what `export` wrote.
        space: needed only if it is not in the catalogue.

    Raises:
        RunError: no export there, one of another format, or changed or damaged files.
    """
    folder = Path(folder)
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
    space = space or load_space(content)
    arch, io = check(space, content["arch"]), catalogue.from_plain(IO, content["io"])
    model = seeded(0, partial(space.build, arch, io))
    model.load_state_dict(safetensors.torch.load(data))
    return model.eval()


def _trained(run: Path) -> dict[str, Tensor]:
    """The weights of the found architecture after its training."""
    again = f"train it first: appnas retrain {run} --epochs 20"
    if not (run / WEIGHTS).exists():
        raise RunError(f"{run} holds a search, but no trained network; {again}")
    try:
        return safetensors.torch.load_file(run / WEIGHTS)
    except SafetensorError as error:
        raise RunError(f"{run / WEIGHTS} is damaged ({error}): delete it; {again}") from error


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
