"""appnas.domains.images.folders: folders of generated files, held in memory and read."""

import numpy as np
import pytest
import torch
from picture_sets import BLUE, GREEN, RED, fill, held, labels, picture
from PIL import Image

from appnas.domains.images.folders import FolderOptions, folder, large, ungreyed


def test_grey_images_become_one_channel_if_all_are():
    grey, colour = np.full((2, 4, 4, 3), 9, np.uint8), np.zeros((2, 4, 4, 3), np.uint8)
    colour[0, 0, 0] = (1, 2, 3)
    assert [x.shape[-1] for x in ungreyed(grey, grey)] == [1, 1]
    assert [x.shape[-1] for x in ungreyed(grey, colour)] == [3, 3]


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


# Read file by file.


def test_a_large_folder_is_read_when_asked(tmp_path):
    """The same files in the same order as in memory, and the same pixels."""
    fill(tmp_path, {"red": (RED, 15), "green": (GREEN, 12)}, size=(12, 9))
    held_there, read = (folder(FolderOptions(path=str(tmp_path), side=8, batch=4, hold=hold)) for hold in (1, 0))
    assert isinstance(held_there._split("all")[0], torch.Tensor) and not isinstance(read._split("all")[0], torch.Tensor)
    for name in ("train", "valid", "all"):
        for a, b in ((held_there._split(name), read._split(name)), (held_there._held_out, read._held_out)):
            assert torch.equal(a[0], b[0][:]) and torch.equal(a[1], b[1])
    assert read.io == held_there.io and read.catalogue_name == "folder"
    assert folder(FolderOptions(path=str(tmp_path), side=0, batch=4)).io.inputs == (3, 9, 12)


def test_how_many_are_large():
    assert not large(60_000, 32, 256) and large(88_000, 32, 256) and large(1, 0, 256)


def test_a_large_grey_folder_has_one_channel(tmp_path):
    fill(tmp_path / "train", {"a": (10, 4), "b": (200, 4)}, mode="L")
    fill(tmp_path / "test", {"a": (10, 1), "b": (200, 1)}, mode="L")
    assert folder(FolderOptions(path=str(tmp_path), side=8, hold=0)).io.inputs == (1, 8, 8)
    picture(RED).save(tmp_path / "test" / "a" / "colour.png")
    assert folder(FolderOptions(path=str(tmp_path), side=8, hold=0)).io.inputs == (3, 8, 8)


def test_a_crop_is_the_same_held_or_read(tmp_path):
    fill(tmp_path, {"red": (RED, 6), "green": (GREEN, 6)}, size=(12, 9))
    for hold in (1, 0):
        domain = folder(FolderOptions(path=str(tmp_path), side=4, fitting="crop", hold=hold))
        colours = {tuple(image[:, 0, 0].tolist()) for image in domain._split("all")[0][:]}
        assert domain.io.inputs == (3, 4, 4) and colours == {GREEN, RED}
