"""appnas.domains.data_files: where files are looked for, and what is said when one is missing."""

import pytest

from appnas.domains.data_files import data_file, missing


def test_a_file_below_the_folder(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "mnist.npz").write_bytes(b"")
    monkeypatch.setenv("APPNAS_DATA", str(tmp_path))
    assert data_file("mnist", "mnist.npz") == tmp_path / "mnist" / "mnist.npz"
    with pytest.raises(FileNotFoundError, match=r"cora\.npz: set APPNAS_DATA to the folder that holds 'cora'"):
        data_file("cora", "cora.npz")


def test_without_the_variable_it_is_the_folder_data(tmp_path, monkeypatch):
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    monkeypatch.delenv("APPNAS_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert data_file("mnist").resolve() == tmp_path / "data" / "mnist"


def test_a_package_that_is_missing():
    error = missing("mlxtend", "images")
    assert isinstance(error, ImportError) and "'mlxtend': pip install 'appnas[images]'" in str(error)
