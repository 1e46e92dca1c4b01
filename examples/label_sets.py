"""Sets of labels, searched: which digits are in a picture of two, measured by F1 and by torchmetrics' ranking.

    python examples/label_sets.py            # two minutes on one core, no download
    python examples/label_sets.py --quick    # seconds, to see that everything runs

`y` is a matrix of 0 and 1, a column a label. For targets of another kind only `y` changes: classes, numbers, masks.
"""

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits

import appnas
from appnas.domains import Labelled
from appnas.domains.labelled import Options
from appnas.spaces import Bench201
from appnas.task import Recipe

QUICK = "--quick" in sys.argv


def pairs(digits, classes, count, rng):
    """Two digits side by side, [count, 1, 8, 16], and which of the ten there are, [count, 10]."""
    two = rng.integers(len(digits), size=(count, 2))
    x = np.concatenate([digits[two[:, 0]], digits[two[:, 1]]], 2)[:, None]
    return x, np.eye(10)[classes[two]].max(1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    rng, (digits, classes) = np.random.default_rng(0), load_digits(return_X_y=True)
    digits = digits.reshape(-1, 8, 8)
    x, y = pairs(digits[:1200], classes[:1200], 400 if QUICK else 2000, rng)
    test_x, test_y = pairs(digits[1200:], classes[1200:], 400, rng)

    def shifted(x, y, generator):
        """A batch moved by up to one row, up or down."""
        return x.roll(int(torch.randint(-1, 2, (), generator=generator)), 2), y

    domain = Labelled(
        x, y, test_x, test_y,
        metric="macro_f1",  # or "MultilabelAveragePrecision", or your own function of all outputs and targets
        weights="balanced",  # a label is rare in a picture: its ones weigh more
        augment=shifted,
        options=Options(valid=0.5, recipe=Recipe("adam", lr=0.01)),
    )  # fmt: skip
    print(f"always the same answer is worth {domain.chance:.1f} {domain.metric.unit}")
    space = Bench201(channels=4, repeats=1)
    result = appnas.search(space, domain, "darts", order="first", epochs=1 if QUICK else 15, alpha_lr=0.02)
    print(result)
    print(result.retrain(2 if QUICK else 30, beside=["random", "nor_conv_3x3"]))
