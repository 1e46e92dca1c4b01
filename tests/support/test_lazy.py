"""Names and things that are imported when they are asked for."""

import importlib
import sys

import pytest

from appnas.support import Catalogue
from appnas.support.lazy import lazily, member

PACKAGE = '''"""Made for a test."""
from typing import TYPE_CHECKING
from appnas.support.lazy import lazily
if TYPE_CHECKING:
    from lazy_made.inner import one, two as second
__all__ = ["one", "second"]
__getattr__, __dir__ = lazily(__name__)
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "lazy_made"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    (folder / "inner.py").write_text("one, two = 1, 2\n")
    (folder / "other.py").write_text("three = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("lazy_made")
    for name in [name for name in sys.modules if name.startswith("lazy_made")]:
        del sys.modules[name]


def test_a_name_is_imported_when_it_is_asked_for(package):
    assert "lazy_made.inner" not in sys.modules and {"one", "second"} <= {*dir(package)}
    assert package.second == 2 and "lazy_made.inner" in sys.modules
    assert package.other.three == 3  # a submodule
    with pytest.raises(AttributeError, match="module 'lazy_made' has no attribute 'none'"):
        package.none  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'none'"):
        from lazy_made import none  # noqa: F401


def test_all_names_of_the_package_are_there():
    import appnas

    assert {*appnas.__all__} <= {*dir(appnas)} and all(hasattr(appnas, name) for name in appnas.__all__)
    assert lazily("appnas")[0]("search") is appnas.search and appnas.spaces.Cells.__name__ == "Cells"


def test_a_catalogue_makes_what_is_asked_for():
    made = []
    things = Catalogue({"a": "about a", "b": "about b"}, lambda name: made.append(name) or name.upper())
    assert [*things] == ["a", "b"] and "a" in things and len(things) == 2 and made == []
    assert things["b"] == "B" and made == ["b"] and things.said["a"] == "about a"
    with pytest.raises(KeyError):
        things["c"]
    assert member("os", "path:join") is importlib.import_module("os.path").join
