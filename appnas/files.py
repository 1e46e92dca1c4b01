"""Files that are never half written, and never unpickled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Another path to write to, renamed to `path` at the end: a reader never sees half a file."""
    partial = path.with_name(path.name + ".partial")
    yield partial
    partial.replace(path)


def digest(*parts: Tensor | str) -> str:
    """A digest of texts, and of the bytes of tensors: other data have another one, whatever their sums are."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            sha.update(f"{part.dtype} {tuple(part.shape)}".encode())
            sha.update(part.detach().cpu().contiguous().numpy().tobytes())
        else:
            sha.update(f"{len(part)} {part}".encode())
    return sha.hexdigest()


def load_state(path: Path, remedy: str, error: type[Exception] = ValueError) -> dict[str, Any]:
    """Tensors and plain containers that `torch.save` wrote.

    Args:
        path: the file.
        remedy: what to do if it is damaged, for the message.
        error: what to raise then.

    Raises:
        ValueError: truncated, or something else than tensors and containers.
    """
    try:
        return dict(torch.load(path, weights_only=True))
    except Exception as cause:  # a truncated file fails in many ways inside torch
        raise error(f"{path} is damaged ({type(cause).__name__}): {remedy}") from cause
