"""After the search: train what was found from scratch beside its controls, and hand the network over.

Here belongs what turns an architecture into a trained network; of a search's data the test is read here alone.
"""

from appnas.retrain.batches import check_batches
from appnas.retrain.differences import (
    Difference, Interval, best_of, difference, falls, primary, referee, rivals, unit, welch,
)  # fmt: skip
from appnas.retrain.exporting import To, export, load
from appnas.retrain.plain import plain_source
from appnas.retrain.retraining import controls, retrain, testable, train_one
from appnas.retrain.retrained import Retrained
from appnas.retrain.rows import Row, load_rows

__all__ = [
    "Difference", "Interval", "Retrained", "Row", "To", "best_of", "check_batches", "controls", "difference", "export",
    "falls", "load", "load_rows", "plain_source", "primary", "referee", "retrain", "rivals", "testable", "train_one",
    "unit", "welch",
]  # fmt: skip
