"""appnas.domains.eda.flow.rtl.arithmetic: what they compute, by yosys."""

import pytest
from evaluated import computed

from appnas.domains.eda.flow.rtl.arithmetic import counters, divider, multiplier, sorter


@pytest.mark.parametrize(
    ("text", "inputs", "expected"),
    [
        (multiplier(4), {"a": 11, "b": 13}, 143),
        (sorter(4, 2), {"a": 0b01110010}, 0b11100100),
        (divider(5), {"a": 29, "b": 6}, 5 << 5 | 4),  # remainder, quotient
    ],
)
def test_they_compute_what_they_should(tmp_path, text, inputs, expected):
    assert computed(tmp_path, text, **inputs) == expected


def test_every_counter_has_registers_of_its_own():
    text = counters(5, 3)
    assert all(f"reg [2:0] n{k}, m{k};" in text for k in range(5)) and "[2:0] wa" in text
