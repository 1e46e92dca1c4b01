"""appnas.domains.images.reading.gathering."""

import pytest
import torch
from picture_sets import Columns, Endless, Noisy, Pictures, tabled

from appnas.domains.images.reading.gathering import LOOKED_AT, gathered, splits_of, surveyed
from appnas.domains.images.reading.loading import SAMPLE


def test_splits_of_a_mapping():
    train, valid, test = tabled(8), tabled(5), tabled(4)
    every = {"train": train, "validation": valid, "test": test}
    assert splits_of(every) == {"train": train, "valid": valid, "test": test}
    assert splits_of({"train": train, "validation": valid})["test"] is valid
    assert splits_of({"train": train}) == {"train": train, "valid": None, "test": None}
    withheld = Columns([{"image": row["image"], "label": -1} for row in test])
    unlabelled = Columns([{"image": row["image"]} for row in test])
    unlabelled.column_names = ("image",)
    for hidden in (withheld, unlabelled, Columns([])):  # as ImageNet's test labels are
        found = splits_of({**every, "test": hidden})
        assert found["test"] is valid and found["valid"] is None
    for wrong in ({"test": test}, {"train": Columns([])}):
        with pytest.raises(ValueError, match="a split 'train' with rows in it is needed, got"):
            splits_of(wrong)


def gather(classes=None, lengths={}, side=0, **given):  # noqa: B006
    return gathered({"valid": None, "test": None, **given}, side, "crop", 1, classes, lengths)


def test_splits_have_one_form_and_the_training_data_s_classes():
    parts, classes, loading = gather(side=6, train=Pictures(), test=tabled(5))
    assert set(parts) == {"train", "test"} and classes == (0, 1, 2, 3) and loading.batch is None
    assert parts["test"][0].form == parts["train"][0].form and parts["test"][1].tolist() == [0, 1, 2, 3, 0]
    with pytest.raises(ValueError, match="test labels: 2, 3 is not among the labels that are known, 0, 1"):
        gather(side=6, train=Pictures(6, 2), test=tabled(5))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train": Noisy()}, r"the data \(Noisy\) lack: classes=n, as their labels cannot be listed"),
        (
            {"train": Endless(), "valid": Noisy(), "classes": 4},
            r"lack: lengths=\{'train': n\}, the images of an epoch$",
        ),
        ({"train": Endless(), "lengths": {"train": 9}, "classes": 4}, "lack: valid=..., as they cannot be split$"),
        (
            {"train": Noisy(), "valid": Endless(), "classes": 4},
            r"lack: lengths=\{'valid': n\}, the images of an epoch$",
        ),
        ({"train": Endless()}, r"lack: lengths=\{'train': n\}, .*; valid=..., .*; classes=n, as"),
        ({"train": Noisy(), "lengths": {"training": 3}}, r"'train', 'valid' and 'test', got \['training'\]"),
    ],
)
def test_what_is_missing_is_said_at_once(given, said):
    with pytest.raises(ValueError, match=said):
        gather(**given)


class Grey(Pictures):
    """Grey pictures, but for some."""

    def __init__(self, count, coloured=()):
        super().__init__(count)
        self.coloured = coloured

    def __getitem__(self, i):
        image, label = super().__getitem__(i)
        return image if i in self.coloured else image.convert("L"), label


def test_grey_is_what_all_looked_at_are():
    def channels(train, test, asked=0):
        parts, _, _ = gather(side=4, train=train, test=test)
        form, mean, std = surveyed([parts["train"][0], parts["test"][0]], asked)
        assert mean.shape == std.shape == (1, form.size[0], 1, 1)
        return form.size[0]

    assert channels(Grey(20), Grey(5)) == 1
    assert channels(Grey(20, [7]), Grey(5)) == channels(Grey(20), Grey(5, [4])) == 3
    assert channels(Grey(20), Grey(5), 3) == 3
    assert channels(Pictures(20), Grey(5), 3) == 3
    with pytest.raises(ValueError, match=r"item 0 of Pictures: it is in colour, .* give Options\(channels=3\)"):
        parts, _, _ = gather(side=4, train=Pictures(20), test=Grey(5))
        rows = parts["train"][0]
        rows.formed(surveyed([rows], 1)[0]).read(torch.tensor([0]))
    with pytest.raises(ValueError, match="channels=1 is for Pillow's pictures; these images are tensors of 3"):
        surveyed([gather(train=Noisy(), classes=4)[0]["train"][0]], 1)


def test_at_most_a_sample_is_looked_at():
    train, test = Pictures(1500), Pictures(300)
    parts, _, _ = gather(side=4, train=train, test=test)
    rows = [parts["train"][0], parts["test"][0]]
    for given, counts in ((False, (SAMPLE, LOOKED_AT)), (True, (SAMPLE, LOOKED_AT))):
        train.read.clear(), test.read.clear()
        surveyed(rows, 0, given=given)
        assert (len(train.read), len(test.read)) == counts
    train.read.clear(), test.read.clear()
    surveyed(rows, 3, given=True)  # nothing to find out: one image of each is tried
    assert (len(train.read), len(test.read)) == (1, 1)
