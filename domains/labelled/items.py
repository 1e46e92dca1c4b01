"""Items of any data set as inputs and targets: tensors of one shape, and what the task makes of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from appnas.domains.labelled.inputs import as_inputs
from appnas.domains.labelled.targets import Task, as_targets, task_of
from appnas.domains.reading import Pairs, Several, label_of, listed, parts_of
from appnas.domains.reading.items import IMAGES, LABELS, numbered

INPUTS = ("x", "input", "inputs", "features", "data", *IMAGES)
TARGETS = ("y", "target", "targets", "mask", *LABELS)
"""Names that columns of inputs and targets go by."""


def pair_of(item: Any, columns: tuple[str, str] | None) -> tuple[Any, Any]:
    """Input and target of an item.

    Raises:
        ValueError: it is something else than a pair, or a row with such columns.
    """
    if isinstance(item, Mapping):
        named = columns or tuple(next((n for n in names if n in item), "") for names in (INPUTS, TARGETS))
        if any(name not in item for name in named):
            raise ValueError(
                f"rows need an input and a target column, got {sorted(item)}: give columns=(input, target)"
            )
        return item[named[0]], item[named[1]]
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    what = f"a {type(item).__name__} of {len(item)}" if isinstance(item, tuple | list) else type(item).__name__
    more = "; several inputs are a tuple within it, ((a, b), target)" if isinstance(item, tuple | list) else ""
    raise ValueError(f"items are pairs (input, target), or rows with such columns, got {what}{more}")


def _tensors(x: Any) -> tuple[Tensor, ...]:
    """The inputs of one item."""
    if isinstance(x, Several):
        return x.parts
    if hasattr(x, "getbands"):  # a picture of Pillow
        x = torch.from_numpy(np.array(x)).movedim(-1, 0) if len(x.getbands()) > 1 else np.array(x)[None]
    parts = x if isinstance(x, tuple) and all(hasattr(part, "shape") for part in x) else (x,)
    return tuple(parts_of(as_inputs(_row(part), "its input"))[0][0] for part in parts)


def _row(x: Any) -> Any:
    """An example as a batch of one."""
    return x[None] if isinstance(x, Tensor) else np.asarray(x)[None]


@dataclass(frozen=True)
class Plain:
    """What items become: tensors of the shapes and types of the first one's.

    Attributes:
        inputs: shape and type of each input.
        columns: of rows that have names.
    """

    inputs: tuple[tuple[tuple[int, ...], str], ...]
    columns: tuple[str, str] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first input."""
        return self.inputs[0][0]

    def read(self, item: Any, names: Task | None) -> tuple[Any, Any]:
        """Inputs and target of an item.

        Raises:
            ValueError: another shape, or another kind of target.
        """
        x, y = pair_of(item, self.columns)
        parts = _tensors(x)
        if (found := kinds(parts)) != self.inputs:
            said = (", ".join(f"{list(shape)} of {kind}" for shape, kind in some) for some in (self.inputs, found))
            raise ValueError("inputs have one shape, that of the first is {}, got {}".format(*said))
        return parts if len(parts) > 1 else parts[0], _target(y, names)


def kinds(parts: tuple[Tensor, ...]) -> tuple[tuple[tuple[int, ...], str], ...]:
    """Shape and type of every input."""
    return tuple((tuple(part.shape), str(part.dtype).removeprefix("torch.")) for part in parts)


def _target(y: Any, task: Task | None) -> Any:
    """A target as the task has it; as it is, where the task is not known."""
    if task is None:
        if isinstance(y, str | bytes):
            raise ValueError(
                f"its target is the text {y!r}: list all targets, as an attribute `targets` of the data set"
            )
        found = torch.as_tensor(y if isinstance(y, Tensor) else np.asarray(y))
        return found.float() if found.is_floating_point() else found
    if task.kind == "classes":
        return label_of(y, numbered(task.names))
    return as_targets(_row(y), "its target", task)[0]


@dataclass(frozen=True)
class Anything:
    """How data of any kind are taken; see `appnas.domains.reading.Reader`.

    Attributes:
        loss: name of one of torch's, which says what targets are.
        outputs: what a network gives for one example, if it is known.
        ignore: class of places that are not counted.
        columns: of rows that have names.
    """

    loss: str | None = None
    outputs: tuple[int, ...] | None = None
    ignore: int = -100
    columns: tuple[str, str] | None = None
    right, alone = "example", "Labelled(x, y)"

    def pairs(self, x: Any, y: Any, what: str) -> Pairs:
        """Two arrays."""
        inputs = as_inputs(x, f"{what} inputs")
        if len(inputs) != len(y):
            raise ValueError(f"{what} data: {len(inputs)} inputs need as many targets, got {len(y)}")
        return Pairs(inputs, y)

    def first(self, item: Any) -> Plain:
        """The form of a data set by its first item."""
        return Plain(kinds(_tensors(pair_of(item, self.columns)[0])), self.columns)

    def batched(self, first: Any, loader: Any) -> bool:
        """A loader that is told no size of batches gives items."""
        return loader.batch_size is not None

    def listed(self, data: Any) -> Any:
        """Targets, where torch, torchvision and `datasets` have them."""
        if self.columns and isinstance(names := getattr(data, "column_names", None), list):
            return np.asarray(list(data[self.columns[1]])) if self.columns[1] in names else None
        return listed(data)

    def targets(
        self, found: Any, what: str, count: int, classes: int | None, names: Task | None
    ) -> tuple[Tensor, Task]:
        """All targets, and what they are."""
        task, y = task_of(found, self.loss, self.outputs, classes, self.ignore) if names is None else (names, None)
        y = as_targets(found, what, task) if y is None else y
        if len(y) != count:
            raise ValueError(f"{what}: {count} examples need as many targets, got {len(y)}")
        return y, task

    def unlisted(self, data: Any, classes: int | None) -> None:
        """Nothing: a sample is looked at."""
        return None

    def lacks(self, names: Task | None) -> str:
        """Nothing that can be known here."""
        return ""

    def seen(self, y: Tensor, classes: int | None) -> Task:
        """What targets are by a sample of them.

        Raises:
            ValueError: classes, whose number a sample does not tell.
        """
        task, _ = task_of(y, self.loss, self.outputs, classes, self.ignore)
        if task.kind in ("classes", "places") and classes is None and self.outputs is None:
            raise ValueError(
                "the data lack: classes=n, as their targets cannot be listed without reading all; or an attribute"
                " `targets` of the data set"
            )
        return task
