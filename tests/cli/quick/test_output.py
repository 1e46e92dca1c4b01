"""Lines and errors in words."""

from pathlib import Path

import pytest

from appnas.cli.quick import output
from appnas.cli.quick.output import columns, told


def test_a_systems_error_has_no_number(tmp_path):
    with pytest.raises(OSError) as missing:
        (tmp_path / "a").read_text()
    assert told(missing.value) == f"{tmp_path / 'a'}: no such file or directory"
    with pytest.raises(OSError) as moved:
        (tmp_path / "a").rename(Path(tmp_path / "b"))
    assert told(moved.value) == f"{tmp_path / 'a'} to {tmp_path / 'b'}: no such file or directory"
    assert told(ValueError("no")) == "no" and told(ValueError()) == "ValueError()"


def test_columns_keep_the_name_in_one_piece(monkeypatch, capsys):
    monkeypatch.setattr(output.console, "_width", 40)
    monkeypatch.setattr(output.console, "_height", 25)
    columns("title", [("a-rather-long-name", "many words " * 6), ("b", "[few]")])
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0] == "title"
        and lines[1].startswith("  a-rather-long-name  many")
        and lines[-1].split() == ["b", "[few]"]
    )
    assert max(map(len, lines)) <= 40
