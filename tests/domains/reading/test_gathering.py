"""appnas.domains.reading.gathering."""

import pytest
from picture_sets import Columns, Endless, Noisy, Pictures, tabled

from appnas.domains.images.files import Pictures as Taken
from appnas.domains.reading.gathering import gathered, splits_of


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


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train", "vaild", "test"], r"'test', 'validation', .*'eval', got 'vaild' too; did you mean 'valid'\?$"),
        (["train", "Test"], r"got 'Test' too; did you mean 'test'\?$"),
        (["train", "test", "unsupervised"], "got 'unsupervised' too: leave out what is not to be used$"),
        (["train", "test", "val", "dev"], "for validation, got 'test', 'val', 'dev': leave out the others"),
        (["train", "val", "dev"], "for validation, got 'val', 'dev': leave out"),
    ],
)
def test_a_split_that_nobody_would_look_at_is_refused(names, said):
    with pytest.raises(ValueError, match=said):
        splits_of({name: tabled(4) for name in names})


def gather(classes=None, lengths={}, side=0, **given):  # noqa: B006
    return gathered({"valid": None, "test": None, **given}, Taken(side), classes, lengths)


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
