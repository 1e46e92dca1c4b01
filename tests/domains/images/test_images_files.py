"""appnas.domains.images.files; what takes pictures is tried with `appnas.domains.reading`, which it is for."""

import pickle

import pytest
import torch
from picture_sets import Pictures as Set
from PIL import Image
from torch.utils.data import DataLoader

from appnas.domains.images.files import Files, Pictures


def files(root, count=3):
    for i in range(count):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(root / f"é{i}.png")
    return Files(root, [f"é{i}.png" for i in range(count)], [i % 2 for i in range(count)])


def test_files_are_names_until_they_are_read(tmp_path):
    data = files(tmp_path)
    image, label = pickle.loads(pickle.dumps(data))[1]
    assert image.getpixel((0, 0)) == (1, 0, 0) and label == 1 and len(data) == 3
    assert data.where(2) == str(tmp_path / "é2.png")
    before = files(tmp_path).fingerprint
    assert before == data.fingerprint != files(tmp_path, 2).fingerprint
    (tmp_path / "é1.png").write_bytes(b"x")
    assert files(tmp_path, 3).fingerprint == before
    (tmp_path / "é1.png").write_bytes(b"x")
    assert Files(tmp_path, ["é0.png", "é1.png", "é2.png"], [0, 1, 0]).fingerprint != before  # of another size now
    with pytest.raises(ValueError, match=r"é1\.png is not a whole image"):
        data[1]


def test_how_pictures_are_taken():
    taken = Pictures(side=6, shrink=2)
    assert taken.first(Set()[0]).shape == (3, 3, 3)
    labels, names = taken.targets([0, 1], "train labels", 2, None, None)
    assert labels.tolist() == [0, 1] and names == (0, 1) and not taken.lacks(names)
    assert taken.unlisted(Set(), 3) == (0, 1, 2) and "classes=n" in taken.lacks(taken.unlisted(Set(), None))
    loader = DataLoader(Set())
    assert taken.batched((torch.zeros(2, 3, 4, 4), [0, 1]), loader)
    assert not taken.batched((torch.zeros(3, 4, 4), 0), loader) and not taken.batched(Set()[0], loader)
    with pytest.raises(ValueError, match="2 images need labels"):
        taken.targets([0, 1, 1], "train labels", 2, None, None)
