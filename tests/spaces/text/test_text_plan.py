"""spaces.text.plan: nodes that read one state stand together, after that state; those without a candidate are last."""

import torch

from appnas.spaces.text.plan import Plan, one_by_one


def test_groups_of_a_cell():
    plan = Plan(((0, "tanh"), (1, "relu"), (1, "linear"), (1, "relu"), None, (5, "sigmoid")), None)
    assert plan.used == [1, 2, 3, 4, 6]
    assert [group[:4] for group in plan.groups()] == [
        (None, 0, 1, []), (0, 1, 2, [0]), (1, 2, 5, [2, 1, 3]), (6, 5, 6, [4]),
    ]  # fmt: skip
    assert plan.groups()[2].runs == [("linear", 2, 3), ("relu", 3, 5)]


def test_a_moment_by_hand():
    """One node, tanh of the first state; the output is that node, half and half of what goes in."""
    first, weight = torch.zeros(2, 4), torch.zeros(2, 4)
    hidden = torch.tensor([[4.0, 8.0]])
    out = one_by_one(Plan(((0, "tanh"),), None), torch.zeros(1, 1, 4), hidden, None, first, weight)
    assert out.tolist() == [[[1.0, 2.0]]]
