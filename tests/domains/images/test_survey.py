"""appnas.domains.images.survey."""

import pytest
import torch
from picture_sets import Noisy, Pictures

from appnas.domains.images.files import Pictures as Taken
from appnas.domains.images.survey import LOOKED_AT, statistics, surveyed
from appnas.domains.reading import SAMPLE, gathered


def gather(side=0, classes=None, **given):
    return gathered({"valid": None, "test": None, **given}, Taken(side), classes, {})


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


def test_statistics_by_hand():
    x = torch.tensor([[[[1.0, 2.0]], [[5.0, 5.0]]], [[[3.0, 6.0]], [[5.0, 5.0]]]])  # two images of two channels
    mean, std = statistics(iter([x[:1], x[1:]]))
    assert mean.flatten().tolist() == [3.0, 5.0]
    assert std.flatten().tolist() == pytest.approx([(14 / 3) ** 0.5, 1e-6], abs=2e-6)
    noise = torch.rand(50, 3, 4, 4)
    mean, std = statistics(iter(noise.split(7)))
    assert torch.allclose(mean.flatten(), noise.mean((0, 2, 3))) and mean.shape == (1, 3, 1, 1)
    assert torch.allclose(std.flatten(), noise.std((0, 2, 3)), atol=1e-5)
