"""appnas.domains.graphs.options: what is refused."""

import pytest

from appnas.domains.graphs import Options


@pytest.mark.parametrize(
    "wrong",
    [
        {"train": 0.9, "valid": 0.2}, {"parts": 0}, {"fanout": ()}, {"loader": "partz"}, {"every": 0},
        {"parts": 4, "read": 5}, {"keep": "last", "patience": 5},
    ],
)  # fmt: skip
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValueError, match=r"shares|at least|fanout|one of|at most|keep='best'"):
        Options(**wrong)
