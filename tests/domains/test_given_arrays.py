"""appnas.domains.given_arrays."""

import numpy as np
import pytest

from appnas.domains import Images, Labelled, domain_of
from appnas.domains.given_arrays import arrays, channels_first

RNG = np.random.default_rng(0)
X, Y = RNG.random((60, 8, 8, 3)), np.arange(60) % 3


def test_validation_data_of_one_s_own_are_used():
    pairs = (X, Y), (X[:9], Y[:9]), (X[:6], Y[:6])
    for given in (pairs, dict(zip(("train", "validation", "test"), pairs, strict=True))):
        domain = domain_of(given)
        assert type(domain) is Images and domain.io.inputs == (3, 8, 8)
        assert [len(domain._splits[name][0]) for name in ("train", "valid", "all")] == [60, 9, 69]
        assert len(domain._held_out[0]) == 6
    flat = arrays(X[:, 0, 0], Y / 7, X[:6, 0, 0], Y[:6] / 7, valid=(X[:9, 0, 0], Y[:9] / 7))
    assert type(flat) is Labelled and [len(flat._splits[name][0]) for name in ("train", "valid")] == [60, 9]


def test_what_may_be_read_in_two_ways_is_asked_for():
    for ages in (RNG.permutation(60) + 20, RNG.permutation(60) + 20.0):
        with pytest.raises(ValueError, match=r"60 whole numbers of 60 different values .* Images\(x, y\) for classes"):
            domain_of((X, ages))
    with pytest.raises(ValueError, match=r"swapped: inputs come first, \(x, y\), got \(60,\) and \(60, 8, 8, 3\)"):
        domain_of((Y, X))


def test_channels_that_come_last_where_nothing_moves_them():
    said = r"x \(60, 8, 8, 3\) look like images \[H, W, C\], and this task is for \[C, H, W\]: x = x.transpose\(0, 3"
    with pytest.raises(ValueError, match=said):
        domain_of((X, RNG.random(60)))
    with pytest.raises(ValueError, match=r"items look like images \[H, W, C\]"):
        domain_of([(row, 0.5) for row in X])
    channels_first((3, 8, 8), "x", "")
    channels_first((8, 8, 4), "x", "")  # 4 channels, or 8
