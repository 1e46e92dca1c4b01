"""The help of a search fits on a screen."""

from dataclasses import fields

import pytest

from appnas.cli import flags, main
from appnas.cli.quick.brief import GROUPS
from appnas.methods import METHODS


@pytest.mark.parametrize("method", METHODS)
def test_the_help_has_under_60_lines_and_the_methods_own_settings_first(method, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["search", method, "--help"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert len(lines) < 60 and max(map(len, lines)) <= 120
    own = [f"--{field.name}".replace("_", "-") for field in fields(METHODS[method].config)]
    assert all(out.index(flag) < out.index("--space cells") for flag in own if f"  {flag} " in out)
    assert METHODS[method].when in " ".join(lines) and "--retrain-epochs 0" in out and "--help-all" in out


def test_every_run_option_is_in_one_group():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(f.name for f in fields(flags.Options))
