"""appnas.retrain.rows: mean and spread of a row, the table, and rows that an older version wrote."""

from __future__ import annotations

import json

import pytest
from torch import nn

from appnas.retrain import Retrained, Row, load_rows


def test_mean_and_spread_of_a_row():
    row = Row("found", (0,), 1, 1, [{"accuracy": 90.0}, {"accuracy": 94.0}])
    assert row.mean("accuracy") == 92.0 and row.spread("accuracy") == pytest.approx(8**0.5)
    assert Row("found", (0,), 1, 1, [{"accuracy": 90.0}]).spread("accuracy") == 0.0


def test_the_table_of_a_retraining():
    found = Row("found", (0,), 12345, 678, [{"accuracy": 90.0}, {"accuracy": 94.0}], 1.25)
    text = str(Retrained(nn.Identity(), [found, Row("random", (1,), 7, 8, [{"accuracy": 50.0}] * 2)], 3))
    assert "trained for 3 epochs, then tested; mean ± deviation of 2 seeds" in " ".join(text.split())
    lines = [line.replace("│", " ").split() for line in text.splitlines()]
    first, second = (line for line in lines if line[:1] in (["found"], ["random"]))
    assert first == ["found", "12,345", "678", "1.25", "92", "±", "2.8"]
    assert second == ["random", "7", "8", "50", "±", "0"]  # an older version measured no time


def test_rows_are_read_whatever_version_wrote_them(tmp_path):
    assert load_rows(tmp_path) == []
    row = {"name": "found", "arch": [1, 2], "parameters": 3, "macs": 4, "tests": [{"accuracy": 5.0}]}
    (tmp_path / "retrain.json").write_text(
        json.dumps({"epochs": 1, "rows": [row, {**row, "latency": 0.5, "later": 1}]})
    )
    assert load_rows(tmp_path) == [
        Row("found", (1, 2), 3, 4, [{"accuracy": 5.0}]), Row("found", (1, 2), 3, 4, [{"accuracy": 5.0}], 0.5),
    ]  # fmt: skip
