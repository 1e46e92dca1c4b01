"""appnas.methods.local_search: the suite, and where it starts."""

import pytest

from appnas.methods import baselines, local_search
from appnas.testing import MethodSuite, planted


class TestOnVectors(MethodSuite):
    method = "local_search"
    settings = {"evaluations": 8, "budget": 1, "init": 2}  # noqa: RUF012


class TestOnAnOracle(MethodSuite):
    method = "local_search"
    settings = {"evaluations": 30, "init": 3, "distinct": False}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


def test_it_starts_at_what_is_given(bench201):
    given = [(1, 2, 3, 4, 0, 1), (3, 3, 3, 3, 3, 3)]
    result = local_search.search(bench201, planted(bench201), local_search.Config(9), start=given)
    assert [record.arch for record in result.history[:2]] == given


def test_it_beats_random_search_and_ends_where_all_was_asked(bench201, chain):
    oracle = planted(bench201)
    means = [
        sum(search(bench201, oracle, config(150), seed=seed).value for seed in range(5)) / 5
        for search, config in ((local_search.search, local_search.Config), (baselines.random, baselines.RandomConfig))
    ]
    assert means[0] > means[1] + 0.1
    result = local_search.search(chain, planted(chain), local_search.Config(100))
    assert len(result.history) == 25 and "exhausted" in result.info["ended"]
