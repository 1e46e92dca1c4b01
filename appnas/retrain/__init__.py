"""After the search: train what was found from scratch beside its controls, and hand the network over.

Here belongs what turns an architecture into a trained network; of a search's data the test is read here alone.
"""

from appnas.retrain.batches import check_batches
from appnas.retrain.exporting import To, export, load
from appnas.retrain.plain_source import plain_source
from appnas.retrain.retraining import controls, retrain, testable, train_one
from appnas.retrain.rows import Retrained, Row, load_rows

__all__ = [
    "Retrained", "Row", "To", "check_batches", "controls", "export", "load", "load_rows", "plain_source",
    "retrain", "testable", "train_one",
]  # fmt: skip
