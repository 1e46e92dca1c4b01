"""What the command line does before a search."""

from pathlib import Path

import pytest
import torch

from appnas.cli import before
from appnas.compute import Share


def test_threads_are_at_least_one_and_not_thousands():
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        before.threads(0)
    with pytest.raises(ValueError, match=r"threads must be at most .* on this machine, got 1000000"):
        before.threads(10**6)
    before.threads(1)
    assert torch.get_num_threads() == 1


def test_a_directory_of_a_search_that_could_not_start_goes_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no"), before.directory(None, "random-mlp-digits", Share()) as path:
        assert path.is_dir() and path.parent == Path("runs")
        raise ValueError("no")
    assert not Path("runs").exists()
    with before.directory(Path("mine"), "random-mlp-digits", Share()) as path:
        assert path == Path("mine")


def test_a_path_is_quoted_as_a_shell_needs_it():
    assert before.quoted(Path("a b")) == "'a b'"
