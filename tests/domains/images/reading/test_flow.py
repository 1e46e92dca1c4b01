"""appnas.domains.images.reading.flow."""

import pytest
import torch
from picture_sets import Endless
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from appnas.domains.images.reading.decoding import first_form
from appnas.domains.images.reading.flow import Flow
from appnas.support import DataError
from appnas.testing.parts import identical

FORM = first_form(torch.rand(3, 8, 8), 0, "crop", 1)


class Numbered(IterableDataset):
    """So many images of their own number; another worker's come after it."""

    def __init__(self, count, size=8, ahead=0):
        self.count, self.size, self.shift, self.ahead = count, size, 0, ahead

    def __iter__(self):
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info and self.ahead else (0, 1)
        for i in range(first, self.count, step):
            yield torch.full((3, self.size, 8), float(i + self.shift)), i % 4


def numbers(batches):
    return [[int(image[0, 0, 0]) for image in x] for x, _ in batches]


def flow(data, length, batch=None):
    return Flow(data, FORM, length, range(4), "train", batch)


def test_an_epoch_is_its_length():
    assert numbers(flow(Numbered(9), 9).read(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert numbers(flow(Numbered(9), 6).read(4)) == [[0, 1, 2, 3], [4, 5]]
    assert numbers(flow(Numbered(9), None).read(5)) == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]
    assert numbers(flow(Numbered(9), 9).first(3).read(4)) == [[0, 1, 2]]
    assert len(flow(Numbered(9), 9)) == 9 and flow(Numbered(9), 9).shape == (9, 3, 8, 8)
    with pytest.raises(
        ValueError, match=r"the train data are iterable and have no length: give lengths=\{'train': n\}"
    ):
        len(flow(Numbered(9), None))
    with pytest.raises(DataError, match="the train data end after 9 images, their length is 10: mend the length"):
        list(flow(Numbered(9), 10).read(4))
    with pytest.raises(DataError, match="end after 0 images; at least one is needed"):
        list(flow(Numbered(0), None).read(4))


def test_what_is_drawn_on_the_way_depends_on_the_seed():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    some = flow(Endless(), 6)
    first = []
    for batch in some.read(2, 1):
        first.append(batch)
        if len(first) == 1:
            assert torch.rand(()) == expected[0]  # what others draw meanwhile is theirs
    assert torch.rand(()) == expected[1]
    assert identical(first, list(some.read(2, 1))) and not identical(first, list(some.read(2, 2)))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_its_own_batches_in_its_own_order(workers):
    loader = DataLoader(Numbered(10, ahead=workers), 3, num_workers=workers)
    some = flow(loader, 9, 3)
    expected = [[0, 2, 4], [1, 3, 5], [6, 8], [7]] if workers else [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert numbers(some.read(64)) == expected
    random = flow(DataLoader(Endless(), 3, num_workers=workers), 9, 3)
    assert identical(list(random.read(64, 1)), list(random.read(64, 1)))
    assert not identical(list(random.read(64, 1)), list(random.read(64, 2)))


def test_another_shape_in_a_later_epoch_is_refused():
    data = Numbered(6)
    for some in (flow(data, 6), flow(DataLoader(data, 2), 6, 2)):
        data.size = 8
        list(some.read(2))
        data.size = 9
        with pytest.raises(DataError, match=r"image 0 in the order of the train data .* \(3, 8, 8\), got \(3, 9, 8\)"):
            list(some.read(2))


def test_the_image_that_raises_is_counted():
    class Broken(Numbered):
        def __iter__(self):
            yield from list(super().__iter__())[:5]
            raise OSError("shard 3 is cut off")

    with pytest.raises(DataError, match=r"^image 5 in the order of the train data \(Broken\): reading it raises OSErr"):
        list(flow(Broken(9), 9).read(4))
    with pytest.raises(DataError, match=r"^the batch from image 4 in the order of the train data .*shard 3 is cut off"):
        list(flow(DataLoader(Broken(9), 2), 9, 2).read(4))


def test_an_epoch_is_told_to_the_data_set():
    class Shuffled(Numbered):
        def set_epoch(self, number):
            self.shift = number

    some = flow(Shuffled(4), 4)
    assert numbers(some.read(4, 7)) == [[7, 8, 9, 10]] == numbers(flow(DataLoader(some.data, 4), 4, 4).read(1, 7))
