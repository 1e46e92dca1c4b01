"""Conformance suites and a fast judge, for those who write spaces, domains, strategies and methods.

A suite is a class of pytest tests. Subclass it in a test module under a name that begins with `Test`, and give it
the fixtures that its docstring names:

    class TestMySpace(SpaceSuite):
        @pytest.fixture
        def space(self):
            return MySpace()

        @pytest.fixture
        def io(self):
            return IO((3, 8, 8), (10,))

The suites need pytest; the rest of this package does not. For messages that show the values compared, put
`pytest.register_assert_rewrite("appnas.testing")` at the head of a conftest.py.
"""

from appnas.testing.chain import Chain, ChainOracle, best_of_chain, chained
from appnas.testing.domain import DomainSuite
from appnas.testing.method import MethodSuite
from appnas.testing.oracle import Oracle, Term, judge, planted, tabulated
from appnas.testing.other_device import OtherDevice, Transfer, other_device
from appnas.testing.parts import chi_squared, identical, reachable, round_trip
from appnas.testing.space import SpaceSuite
from appnas.testing.strategy import LearningSuite, StrategySuite
from appnas.testing.supernet import SupernetSuite

__all__ = [
    "Chain", "ChainOracle", "DomainSuite", "LearningSuite", "MethodSuite", "Oracle", "OtherDevice", "SpaceSuite",
    "StrategySuite", "SupernetSuite", "Term", "Transfer", "best_of_chain", "chained", "chi_squared", "identical",
    "judge", "other_device", "planted", "reachable", "round_trip", "tabulated",
]  # fmt: skip
