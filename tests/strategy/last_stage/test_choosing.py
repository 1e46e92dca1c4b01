"""strategy.last_stage.choosing: by value, by loss, by both; the simplest within a standard error."""

import math

from appnas.strategy import chosen

A, B, C = (0,), (1,), (2,)
VALUES = {A: [80.0, 82.0, 81.0], B: [81.0, 82.0, 81.0], C: [70.0, 71.0, 72.0]}
LOSSES = {A: [0.5, 0.5, 0.5], B: [0.9, 0.9, 0.9], C: [0.4, 0.4, 0.4]}
SIZES = {A: 100.0, B: 200.0, C: 10.0}


def test_by_value_and_by_loss():
    assert chosen(VALUES, LOSSES, SIZES) == B
    assert chosen(VALUES, LOSSES, SIZES, "loss") == C
    assert chosen(VALUES, LOSSES, SIZES, "both") == A  # nearly the best value, and a much better loss


def test_without_losses_everything_is_by_the_value():
    unknown = {arch: [math.inf] * 3 for arch in VALUES}
    assert {chosen(VALUES, unknown, SIZES, by) for by in ("value", "loss", "both")} == {B}
    assert chosen(VALUES, {}, SIZES, "both") == B


def test_both_are_compared_training_by_training():
    """A split on which all are worse says nothing about who is better."""
    shifted = {arch: [own[0], own[1] - 30, own[2] + 5] for arch, own in VALUES.items()}
    assert chosen(shifted, LOSSES, SIZES, "both") == A
    lucky = {A: [80.0], B: [80.0]}
    assert chosen(lucky, {A: [0.6], B: [0.5]}, SIZES, "both") == B


def test_the_simplest_within_a_standard_error():
    # B is ahead of A by 1, 0 and 0: a mean of 1/3 with a standard error of 1/3
    assert chosen(VALUES, LOSSES, SIZES, simplest=True) == A
    apart = {A: [80.0, 81.0, 80.0], B: [81.0, 82.0, 81.1]}
    assert chosen(apart, {}, SIZES, simplest=True) == B  # always ahead, by about as much
    assert chosen({A: [80.0], B: [80.1]}, {}, SIZES, simplest=True) == B  # one training each tells no error


def test_failures_never_win():
    failed = {A: [80.0, 80.0], B: [-math.inf, 90.0]}
    assert chosen(failed, {}, SIZES) == A and chosen(failed, {}, SIZES, simplest=True) == A
    losses = {A: [0.5, 0.5], B: [math.inf, 0.1]}
    assert chosen(failed, losses, SIZES, "both") == A and chosen(failed, losses, SIZES, "loss") == A
