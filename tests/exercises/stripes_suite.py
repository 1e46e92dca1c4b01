"""appnas.domains.images.stripes: the suite, and a search by name."""

import pytest

import appnas
from appnas.domains.images.stripes import Stripes
from appnas.testing import DomainSuite


class TestStripes(DomainSuite):
    @pytest.fixture
    def domain(self) -> Stripes:
        return Stripes()

    def identify(self, domain, split):
        return [tuple(x.flatten().tolist()) for x in domain.split(split)[0]]


def test_a_search_by_name(tmp_path):
    result = appnas.search("mlp", "stripes", "random", evaluations=2, budget=3, out=tmp_path / "run")
    assert result.value > 50 and appnas.resume(tmp_path / "run").best == result.best
