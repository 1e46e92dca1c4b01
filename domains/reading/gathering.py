"""The splits of a task out of what users hand over, checked together; what is found by looking at a sample."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from appnas.domains.reading.flow import Flow
from appnas.domains.reading.form import Reader
from appnas.domains.reading.items import LABELS, listed
from appnas.domains.reading.rows import Rows
from appnas.domains.reading.sources import Loading, opened, unwrapped

Split = tuple[Rows | Flow, Tensor | None]
"""Images, and their labels if they are listed."""
HELD_OUT = ("test", "validation", "valid", "val", "dev", "eval")
"""Names that a held-out split goes by."""


def splits_of(given: Mapping[str, Any], labelled: Callable[[Any], bool] | None = None) -> dict[str, Any]:
    """Training, validation and test data out of a mapping of names to splits, such as a DatasetDict.

    The test data are those of the first split of `HELD_OUT` whose labels are known (ImageNet's test labels are -1);
    those of "validation" are for validation if there are others to test on.

    Args:
        given: splits by name.
        labelled: whether the labels of a split are known; by default by columns of classes.

    Raises:
        ValueError: no split "train" with rows, or one that would not be looked at: of another name, or one too many.
    """
    if "train" not in given or (hasattr(given["train"], "__len__") and not len(given["train"])):
        raise ValueError(f"a split 'train' with rows in it is needed, got {sorted(given)}")
    if strange := [str(name) for name in given if name not in ("train", *HELD_OUT)]:
        meant = [close for word in strange for close in difflib.get_close_matches(word.lower(), HELD_OUT, 1)]
        raise ValueError(
            f"splits are 'train' and some of {', '.join(map(repr, HELD_OUT))}, got {', '.join(map(repr, strange))} too"
            f"{f'; did you mean {meant[0]!r}?' if meant else ': leave out what is not to be used'}"
        )
    known = [name for name in HELD_OUT if name in given and (labelled or _labelled)(given[name])]
    rest = known[1:] if known[:1] == ["test"] else []
    if len(known) - len(rest) > 1 or len(rest) > 1:
        raise ValueError(
            f"one split beside 'train' and 'test' is for validation, got {', '.join(map(repr, known))}: leave out the"
            " others, or join them"
        )
    return {
        "train": given["train"],
        "valid": given[rest[0]] if rest else None,
        "test": given[known[0]] if known else None,
    }


def _labelled(rows: Any) -> bool:
    """Whether a split has rows, and their labels are known."""
    if not hasattr(rows, "__len__") or not hasattr(rows, "__getitem__"):
        return True
    if not len(rows):
        return False
    first = rows[0]
    if isinstance(first, Mapping) and not any(name in first for name in LABELS):
        return False
    labels = listed(rows)
    return labels is None or bool(np.asarray(labels).min() >= 0)


def gathered(
    given: Mapping[str, Any], reader: Reader, classes: int | None, lengths: Mapping[str, int]
) -> tuple[dict[str, Split], Any, Loading]:
    """Training data and, if they are given, validation and test data in one form; what is known of their targets.

    Args:
        given: data by "train", "valid" and "test"; None for what there is not.
        reader: how the field takes them.
        classes: number of classes, if it is known.
        lengths: images of an epoch by split, for iterable data without a length.

    Raises:
        DataError: a first item is no image with a label.
        TypeError: nothing that images can be read from.
        ValueError: no item, what iterable data lack, labels that are no classes.
    """
    if unknown := set(lengths) - set(given):
        raise ValueError(f"lengths are of 'train', 'valid' and 'test', got {sorted(unknown)}")
    data = {name: unwrapped(some, name, reader) for name, some in given.items() if some is not None}
    rows, labels, names = opened(*data["train"], "train", reader, None, classes, lengths.get("train"))
    parts: dict[str, Split] = {"train": (rows, labels)}
    for name in data.keys() - {"train"}:
        parts[name] = opened(*data[name], name, reader, rows.form, classes, lengths.get(name), names)[:2]
    flows = {name: part for name, (part, _) in parts.items() if isinstance(part, Flow)}
    lack = [f"lengths={{{name!r}: n}}, the images of an epoch" for name in ("train", "valid")
            if name in flows and flows[name].length is None]  # fmt: skip
    if "train" in flows and "valid" not in parts:
        lack.append("valid=..., as they cannot be split")
    lack += filter(None, [reader.lacks(names)])
    if lack:
        made, kind = reader.alone.partition("(")[0], type(given["train"]).__name__
        raise ValueError(f"{made}.of: the data ({kind}) lack: {'; '.join(lack)}")
    return parts, names, data["train"][1]
