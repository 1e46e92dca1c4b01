"""What a retraining keeps in a run's directory, beside its table: weights, and maps to look at."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from torch import Tensor, nn

from appnas.run.journal import read_json
from appnas.support import RunError, whole

WEIGHTS = "found.safetensors"
"""The trained weights of the found architecture, first seed, in a run's directory."""
SHOWCASE = "showcase.npz"
"""What that network makes of a few held-out examples, where the domain shows some."""
Maps = Mapping[str, Mapping[str, np.ndarray]]
"""Maps [H, W] by the name of an example and their own."""


def belongs(out: Path, own: str | None, best: Sequence[int]) -> None:
    """Whether what is trained of a search's result may lie in a directory.

    Args:
        out: the directory.
        own: that of the search, if it has one.
        best: what the search found.

    Raises:
        RunError: it is the search's own, and not there, as the working directory is another one; or another search's.
    """
    if str(out) == own and not out.exists():
        raise RunError(f"the run's directory {out} is not here, in {Path.cwd()}: go back to where the search began")
    done = out / "result.json"
    if done.exists() and list(read_json(done)["best"]) != list(best):
        raise RunError(f"{out} is of another search, which found another architecture: give another directory")


def save_weights(run: Path, model: nn.Module) -> str:
    """Keep the weights of the found architecture; returns the file's SHA-256."""
    content = stored(model.state_dict())
    with whole(run / WEIGHTS) as partial:
        partial.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def stored(weights: Mapping[str, Tensor]) -> bytes:
    """Weights as safetensors, each with memory of its own: one that has two names is written under both."""
    from safetensors.torch import save

    seen, apart = set[int](), dict[str, Tensor]()
    for name, x in weights.items():
        place = x.untyped_storage().data_ptr()
        apart[name] = x.detach().cpu().contiguous()
        if place in seen or len(apart[name].untyped_storage()) > apart[name].nbytes:
            apart[name] = apart[name].clone()
        seen.add(place)
    return save(apart)


def load_weights(run: Path, network: nn.Module) -> None:
    """Give a network the weights that were kept.

    Raises:
        RunError: nothing was retrained, the file is damaged, or of another network.
    """
    from safetensors.torch import load_file

    file, again = run / WEIGHTS, f"train it first: appnas retrain {shlex.quote(str(run))} --epochs 20"
    if not file.exists():
        raise RunError(f"{run} holds a search, but no trained network; {again}")
    try:
        weights = load_file(file)
    except (SafetensorError, OSError) as error:
        raise RunError(f"{file} is damaged ({error}): delete it; {again}") from error
    put_weights(network, weights, file, f"delete it; {again}")


def put_weights(network: nn.Module, weights: Mapping[str, Tensor], file: Path, remedy: str) -> None:
    """Give a network its weights.

    Raises:
        RunError: they are those of another network; the first one that differs is named.
    """
    needed = {name: (tuple(x.shape), x.dtype) for name, x in network.state_dict().items()}
    there = {name: (tuple(x.shape), x.dtype) for name, x in weights.items()}
    for name in [*needed, *there]:
        if needed.get(name) != there.get(name):
            words = [f"{list(x[0])} of {x[1]}" if x else "missing" for x in (there.get(name), needed.get(name))]
            raise RunError(f"{file} is of another network: {name} is {words[0]}, it must be {words[1]}: {remedy}")
    network.load_state_dict(dict(weights))


def save_showcase(run: Path, shown: Maps) -> None:
    """Keep maps, or nothing where there are none."""
    path = run / SHOWCASE
    path.unlink(missing_ok=True)
    if not shown:
        return
    names = list(next(iter(shown.values())))
    maps = np.array([[example[name] for name in names] for example in shown.values()])
    with whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, examples=np.array(list(shown)), names=np.array(names), maps=maps)


def load_showcase(path: Path) -> Maps:
    """What a run's retraining showed; nothing if there was none, or its domain shows nothing.

    Raises:
        RunError: the file is damaged.
    """
    file = path / SHOWCASE
    if not file.exists():
        return {}
    try:
        with file.open("rb") as stream, np.load(stream) as kept:
            examples, names, maps = (kept[key] for key in ("examples", "names", "maps"))
    except Exception as error:  # a damaged archive fails in many ways inside numpy
        raise RunError(f"{file} is damaged ({type(error).__name__}): delete it to do without its maps") from error
    if maps.dtype.kind not in "fiub" or maps.ndim != 4 or maps.shape[:2] != (examples.size, names.size):
        right = f"numbers [{examples.size}, {names.size}, H, W]"
        raise RunError(f"{file} is damaged: maps must be {right}, got {maps.dtype} {list(maps.shape)}")
    return {str(e): {str(n): m for n, m in zip(names, of, strict=True)} for e, of in zip(examples, maps, strict=True)}
