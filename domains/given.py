"""Domains out of what people have at hand: arrays, data sets, loaders, graphs, paths, environments."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from appnas.domains.given_arrays import arrays, channels_first
from appnas.domains.graphs import Graphs, Links
from appnas.domains.images import FolderOptions, Images, folder
from appnas.domains.labelled import Labelled
from appnas.domains.reading import columns, splits_of
from appnas.domains.reading.items import Chance, blamed
from appnas.domains.rl import Gym, GymOptions
from appnas.domains.text import data as text_data

MEGABYTE = 2**20
"""Texts up to this size are trained on in smaller batches, see `appnas.domains.text.data.SMALL`."""
WAYS = (
    "Images(x, y, test_x, test_y) or Images.of(dataset) for images, Graphs(data) for graphs, Labelled(x, y) or"
    " Labelled.of(dataset) for any other supervised task, appnas.domains.text.data.folder(FolderOptions(path=...)) for"
    " text"
)
"""The constructors of domains, as messages list them."""


def domain_of(data: Any, field: str = "") -> Any:
    """What data are a task of, with the options that such a domain has by default; a domain, or a table, as it is.

    | data | domain |
    | --- | --- |
    | a graph of PyTorch Geometric, several, a data set or a loader of them, a `Batch` | `Graphs` |
    | the three graphs of `RandomLinkSplit` | `Links` |
    | (x, y), ((x, y), (test_x, test_y)), or three pairs with validation data second, of images and classes | `Images` |
    | the same with anything else | `Labelled` |
    | data sets or loaders: one, (train, test), (train, valid, test), a `DatasetDict` | `Images.of`, `Labelled.of` |
    | a mapping of "train", "test" and perhaps "validation" to pairs of arrays, or to lists of rows | the same |
    | the path of a text, for spaces of text; of a folder with one folder a class | the catalogue's `text`, `folder` |
    | an environment of gymnasium that shows images, or its id | the catalogue's `gym` |

    Args:
        data: see above.
        field: of the space, "images", "graphs", "text" or "rl"; empty for one of the user's own.

    Raises:
        TypeError: no domain is made of it; the message has the constructors.
        ValueError: it may be read in two ways, or does not fit the domain; the message has the lines that do.
    """
    if isinstance(data, str | os.PathLike):
        return _named(os.fspath(data), field)
    first = None if isinstance(data, type) else _first(data)
    for some in (data, first):
        if isinstance(some, type) or hasattr(some, "node_types"):
            raise TypeError(f"a search takes a Domain or a table, or data that one is made of, got {_kind(some)}")
    if isinstance(data, Mapping):
        return _splits(data, field)
    if _is_graph(data) or _is_graph(first):
        graphs = _unloaded(data)
        return (Links if _of_links(first if first is not None else data) else Graphs)(graphs)
    if hasattr(data, "score") or (hasattr(data, "fit") and hasattr(data, "io")):
        return data
    if hasattr(data, "observation_space") and hasattr(data, "action_space"):
        return _environment(data)
    made = _several(data, field) if isinstance(data, tuple | list) else None
    if made is None and _is_set(data):
        made = _reader(data)(_listing(data))
    if made is not None:
        return made
    raise TypeError(f"a search takes a Domain or a table, or data that one is made of, got {_kind(data)}; {WAYS}")


def _several(data: Any, field: str) -> Any:
    """Splits of data sets, or arrays; None if they are neither."""
    if not 2 <= len(data) <= 3:
        return None
    train, *valid, test = data
    if all(map(_is_set if isinstance(data, tuple) else _is_data_set, data)):
        of: Any = Graphs if _is_graph(_first(train)) else _reader(train)
        return of(*(None if part is None else _listing(_unloaded(part)) for part in (train, *(valid or [None]), test)))
    if all(isinstance(part, tuple | list) and len(part) == 2 and _is_array(part[0]) for part in data):
        return arrays(*train, *test, field=field, valid=tuple(valid[0]) if valid else None)
    return arrays(*data, field=field) if len(data) == 2 and all(map(_is_array, data)) else None


def _kind(data: Any) -> str:
    name = type(data).__name__
    if isinstance(data, type):
        return f"the class {data.__name__}: give an instance, {data.__name__}(...)"
    if hasattr(data, "node_types"):
        return (
            f"{name}, a graph of several kinds of nodes, of which none is made: Graphs(data, target=...) says which are"
            " predicted, data.to_homogeneous() is one"
        )
    if _is_array(data):
        return f"{name} without labels: give the pair (x, y)"
    return f"{name} of {', '.join(type(i).__name__ for i in data[:3])}" if isinstance(data, tuple) and data else name


def _is_graph(data: Any) -> bool:
    if isinstance(data, type | Dataset | str) or data is None or hasattr(data, "node_types"):
        return False
    if hasattr(type(data), "edge_index"):  # of torch_geometric, perhaps without edges
        return True
    return getattr(data, "edge_index", None) is not None or getattr(data, "adj_t", None) is not None


def _of_links(data: Any) -> bool:
    """Whether a graph's examples are edges, as torch_geometric's RandomLinkSplit leaves them."""
    return getattr(data, "edge_label_index", None) is not None


def _is_array(x: Any) -> bool:
    """An array, a tensor, a table; or a list of numbers, texts or images."""
    if isinstance(x, list):
        return bool(x) and not isinstance(x[0], tuple | Mapping | Dataset | DataLoader) and not _is_graph(x[0])
    return isinstance(x, Tensor) or hasattr(x, "__array__")


def _is_set(data: Any) -> bool:
    """A data set, a loader, or a list of items."""
    if isinstance(data, list):
        return bool(data) and (isinstance(data[0], tuple | Mapping) or _is_graph(data[0]))
    return _is_data_set(data)


def _is_data_set(data: Any) -> bool:
    return isinstance(data, Dataset | DataLoader) or hasattr(data, "column_names")


class _Listing(Dataset[Any]):
    """A list of items, with the targets beside: nothing has to be read to know them."""

    def __init__(self, items: list[Any], targets: list[Any]):
        self.items, self.targets = items, targets

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def _listing(data: Any) -> Any:
    """A list of pairs, or of rows with the same columns, as a data set; anything else as it is."""
    if isinstance(data, list) and all(isinstance(item, tuple) and len(item) == 2 for item in data):
        return _Listing(data, [target for _, target in data])
    if isinstance(data, list) and data and all(isinstance(row, Mapping) and {*row} == {*data[0]} for row in data):
        try:
            _, target = columns(data[0])
        except ValueError:  # what reads it says which columns there are
            return data
        return _Listing(data, [row[target] for row in data])
    return data


def _unloaded(data: Any) -> Any:
    """The graphs in a loader of PyTorch Geometric; anything else as it is."""
    if not isinstance(data, DataLoader):
        return data
    inside = getattr(data, "data", None)
    if _is_graph(inside):
        return inside
    return data.dataset if _is_graph(_first(data.dataset)) else data


def _first(data: Any) -> Any:
    """The first item of a data set, a loader or a list; None if that cannot be had.

    Raises:
        DataError: it cannot be read.
    """
    if isinstance(data, DataLoader):
        inside = getattr(data, "data", None)
        return inside if _is_graph(inside) else _first(data.dataset)
    if isinstance(data, Mapping):
        return _first(data.get("train"))
    if isinstance(data, Tensor | np.ndarray | str) or hasattr(data, "iloc") or hasattr(type(data), "edge_index"):
        return None
    sized = hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "node_types")
    with Chance(0).inside(), blamed(f"the first item of {type(data).__name__}"):
        if isinstance(data, IterableDataset):
            return next(iter(data), None)
        return data[0] if sized and len(data) else None


def _reader(data: Any) -> Any:
    """What reads a data set: images with one class each, or anything.

    Raises:
        DataError: see `_first`.
        TypeError, ValueError: its items are no pairs, it has none, or channels of images come last in them.
    """
    item = _first(data)
    if item is None and hasattr(data, "__len__") and not len(data):
        raise ValueError(f"the data set ({type(data).__name__}) is empty: there is no example in it")
    if isinstance(item, Mapping):
        try:
            image, label = columns(item)
        except ValueError:
            return Labelled.of
        item = item[image], item[label]
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise TypeError(f"items of a data set are pairs (input, target), got {_kind(item)}; domains are: {WAYS}")
    x, y = item
    picture = hasattr(x, "getbands") or np.ndim(x) == 3 or (np.ndim(x) == 2 and getattr(x, "dtype", None) == np.uint8)
    one = isinstance(y, str | int | np.integer | bool) or (np.ndim(y) == 0 and not _float(y))
    if picture and not one and np.ndim(x) == 3 and not hasattr(x, "getbands"):
        channels_first(np.shape(x), "items", "let items have x.transpose(2, 0, 1), or x.permute(2, 0, 1)")
    return Images.of if picture and one else Labelled.of


def _float(y: Any) -> bool:
    return isinstance(y, float) or "float" in str(getattr(y, "dtype", ""))


def _named(name: str, field: str) -> Any:
    """A text, a folder of images, or an environment, by a path or an id."""
    path = Path(name)
    if field == "text" and path.exists():
        small = path.is_file() and path.stat().st_size <= MEGABYTE
        settings = {f.name: getattr(text_data.SMALL, f.name) for f in fields(text_data.SMALL)} if small else {}
        return text_data.folder(text_data.FolderOptions(**settings, path=name))
    if path.is_dir():
        return folder(FolderOptions(path=name))
    if re.fullmatch(r"([\w.]+:)?[\w/.-]+-v\d+", name):
        return Gym(GymOptions(env=name)).named("gym")
    if path.exists():
        raise TypeError(f"{name} is a file, which a domain is made of for spaces of text alone; else: {WAYS}")
    raise ValueError(f"there is no file or folder {name}")


def _environment(data: Any) -> Any:
    spec = getattr(data, "spec", None)
    if spec is None:
        raise TypeError(
            f"{type(data).__name__} is an environment without an id, of which no second one can be made: register it,"
            " gymnasium.register(id='Mine-v0', entry_point=Mine), and give the id"
        )
    return Gym(GymOptions(env=spec.id)).named("gym")


def _splits(data: Mapping[str, Any], field: str) -> Any:
    """A mapping of splits to rows, as a `DatasetDict`, or to pairs of arrays."""
    if "train" not in data:
        raise ValueError(f"a mapping has splits, one of them 'train', got {sorted(map(str, data))}")
    train = data["train"]
    if field == "text" and isinstance(first := _first(train), Mapping):
        parts = splits_of(data, lambda _: True)
        if "text" not in first or any(part is None for part in parts.values()):
            raise ValueError(f"text has splits train, validation, test with a column 'text', got {sorted(data)}")
        texts = ("\n".join(row.rstrip("\n") for row in parts[name]["text"]) for name in ("train", "valid", "test"))
        return text_data.corpus(texts, "word", text_data.SMALL)
    if _is_graph(train) or _is_graph(_first(train)):
        of = splits_of(data, lambda _: True)
        lists: list[Any] = [None if of[name] is None else _unloaded(of[name]) for name in ("train", "valid", "test")]
        return Graphs(lists[0], lists[1], lists[2])
    if _is_array(train) or isinstance(train, tuple):
        for name, part in data.items():
            if not isinstance(part, tuple) or len(part) != 2:
                raise ValueError(f"splits of arrays are pairs (x, y), {name!r} is {_kind(part)}")
        found = splits_of(data, lambda pair: True)
        return arrays(*train, *(found["test"] or ()), field=field, valid=found["valid"])
    return _reader(train)({name: _listing(part) for name, part in data.items()})
