"""appnas.domains.reading.form: what the fields say of their items, in one data set."""

import torch

from appnas.domains.images.files import Pictures
from appnas.domains.labelled.items import Anything
from appnas.domains.reading import Form, Reader, Rows
from appnas.domains.reading.sources import Loading, opened


def test_one_data_set_as_two_fields_take_it():
    data = [(torch.rand(3, 4, 4), i % 2) for i in range(6)]
    readers: list[Reader] = [Pictures(side=2), Anything()]
    for reader, shape in zip(readers, ((3, 2, 2), (3, 4, 4)), strict=True):
        rows, _, _ = opened(data, Loading(), "train", reader, classes=2)
        form: Form = rows.form
        assert isinstance(rows, Rows) and form.shape == shape
        x, y = rows.read(torch.tensor([1, 2]))
        assert tuple(x.shape) == (2, *shape) and y.tolist() == [1, 0]
