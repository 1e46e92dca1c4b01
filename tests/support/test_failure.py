"""appnas.support.failure: what is kept of a failure, and how many are borne."""

import pytest

from appnas.support import Failure, FailuresError, Tolerance, died, failure_of, late

WRONG = Failure("ValueError", "no such pooling", "Traceback ...")


def test_a_failure_is_the_type_and_the_last_line():
    try:
        raise ValueError("shapes differ:\n\n  2 x 3 and 4 x 5\n")
    except ValueError as error:
        failure = failure_of(error)
    assert failure[:2] == ("ValueError", "2 x 3 and 4 x 5")
    assert str(failure) == "ValueError: 2 x 3 and 4 x 5" and str(Failure("Died", "")) == "Died"
    assert late(0.5).message == "no score within 0.5 s" and "died 3 times" in died().message


def told(tolerance, failures):
    for arch, fails in failures:
        tolerance.count((arch,), WRONG if fails else None)
    return tolerance.exceeded


def test_failures_in_a_row_are_of_different_architectures():
    assert told(Tolerance(2), [(0, 1), (1, 1), (1, 1), (1, 1)]) == ""
    assert told(Tolerance(2), [(0, 1), (1, 1), (2, 0), (3, 1), (4, 1)]) == ""
    assert told(Tolerance(2), [(0, 1), (1, 1), (2, 1)]) == "3 architectures failed one after another"
    assert told(Tolerance(0), [(0, 0), (1, 1)]) == "1 architectures failed one after another"


def test_a_share_is_looked_at_once_there_are_some():
    alternating = [(k, k % 4 != 0) for k in range(40)]
    assert told(Tolerance(8, 0.5), alternating[:19]) == ""
    assert told(Tolerance(8, 0.5), alternating[:20]) == "15 of 20 evaluations failed"
    assert told(Tolerance(8, 0.8), alternating) == ""
    assert told(Tolerance(8, 1.0), [(k % 3, 1) for k in range(99)]) == ""


def test_the_error_tells_the_last_one_whole_and_what_may_be_borne():
    tolerance = Tolerance(1)
    what = told(tolerance, [(4, 1), (5, 1)])
    error = tolerance.error(what)
    assert isinstance(error, FailuresError)
    assert str(error).startswith("2 architectures failed one after another, the last (5,): ValueError: no such pooling")
    assert "max_failures=1, max_failure_share=0.8" in str(error) and str(error).endswith("Traceback ...")


@pytest.mark.parametrize("wrong", [(-1, 0.5), (1, 1.5), (1, -0.1), (1, float("nan"))])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match=f"got max_failures={wrong[0]}, max_failure_share={wrong[1]}"):
        Tolerance(*wrong)
