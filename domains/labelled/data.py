"""Named supervised tasks without a download: numbers out of a table, sets of labels of pictures."""

from __future__ import annotations

import numpy as np
import torch

from appnas.domains.data_files import FIXED, missing
from appnas.domains.labelled.domain import Labelled
from appnas.domains.labelled.options import Options
from appnas.task import Recipe

DIABETES = Options(batch=32, final_batch=32, recipe=Recipe("adam", lr=0.01, weight_decay=1e-3))
DIGIT_SETS = Options(epochs=20, valid=0.5, recipe=Recipe("adam", lr=0.01))
PAIRS = 1600
"""Pictures of two digits."""


def diabetes(options: Options = DIABETES) -> Labelled:
    """The progression of diabetes in 442 patients, a number from 25 to 346, by ten measurements; a fifth is held out.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_diabetes
    except ImportError as error:
        raise missing("scikit-learn", "predictors") from error
    x, y = load_diabetes(return_X_y=True)
    test, train = np.split(_order(len(x)), [len(x) // 5])
    return Labelled(x[train], y[train], x[test], y[test], options=options, loss="mse_loss").named("diabetes")


def digit_sets(options: Options = DIGIT_SETS) -> Labelled:
    """Pictures of two handwritten digits side by side, 8x16; the labels are which digits there are.

    A fifth of the digits is held out, and pairs of these are the test pictures.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing("scikit-learn", "predictors") from error
    digits, classes = load_digits(return_X_y=True)
    test, train = np.split(_order(len(digits)), [len(digits) // 5])
    drawn = np.random.default_rng(FIXED)
    parts = []
    for places, count in ((train, PAIRS), (test, PAIRS // 4)):
        two = drawn.choice(places, (count, 2))
        x = digits[two].reshape(count, 2, 8, 8).transpose(0, 2, 1, 3).reshape(count, 1, 8, 16)
        y = np.zeros((count, 10), dtype=np.int64)
        np.put_along_axis(y, classes[two], 1, 1)
        parts += [x.astype(np.float32), y]
    loss = "binary_cross_entropy_with_logits"
    return Labelled(*parts, options=options, loss=loss).named("digit_sets")


def _order(count: int) -> np.ndarray:
    """An order that is drawn once and for all: the first are held out."""
    order: np.ndarray = torch.randperm(count, generator=torch.Generator().manual_seed(FIXED)).numpy()
    return order
