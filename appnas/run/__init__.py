"""A run on disk: its directory, journals, checkpoint and lock, and the names that it is made again from.

Here belongs what reads or writes a run's own files. Reports are in `appnas.report`, exports in `appnas.retrain`.
"""

from appnas.run.artifacts import (
    WEIGHTS, Maps, belongs, load_showcase, load_weights, put_weights, save_showcase, save_weights, stored,
)  # fmt: skip
from appnas.run.catalogue import domain, nearest, table_space
from appnas.run.directory import create, created, reserve
from appnas.run.journal import (
    BITS, add_place, each_line, finish, places, ran, read_history, read_json, read_lines, spot, told_places, write_json,
)  # fmt: skip
from appnas.run.lock import writing
from appnas.run.provenance import describe_domain, describe_space, found_in, load_domain, load_space
from appnas.run.retrying import retry
from appnas.run.run import KEYS, LATER, InterruptedSearchError, Run, identity, load_config
from appnas.run.schema import gaps

__all__ = [
    "BITS", "KEYS", "LATER", "WEIGHTS", "InterruptedSearchError", "Maps", "Run", "add_place", "belongs", "create",
    "created", "describe_domain", "describe_space", "domain", "each_line", "finish", "found_in", "gaps", "identity",
    "load_config", "load_domain", "load_showcase", "load_space", "load_weights", "nearest", "places", "put_weights",
    "ran", "read_history", "read_json", "read_lines", "reserve", "retry", "save_showcase", "save_weights", "spot",
    "stored", "table_space", "told_places", "write_json", "writing",
]  # fmt: skip
