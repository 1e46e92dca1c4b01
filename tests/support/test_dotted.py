"""appnas.support.dotted: modules that are there, broken and missing; parameters as settings."""

import dataclasses
import pickle
import sys
from dataclasses import dataclass

import pytest

from appnas.space import IO
from appnas.support.dotted import (
    AbsentError,
    Nothing,
    dotted_name,
    home_of,
    imported,
    lacks,
    made_by,
    maker,
    maker_of,
    marked,
    required,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that Python runs in, with modules of one's own; gone again afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)

    write("owned", "import helper_of_owned\n\nclass Outer:\n    class Inner:\n        value = 3\n\nnumber = 3\n")
    write("helper_of_owned", "")
    yield tmp_path, write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_what_a_name_stands_for(folder):
    assert imported("owned:Outer.Inner").value == 3 and imported("owned:number") == 3
    assert home_of("owned:Outer") == str(folder[0])
    assert imported("torch.nn:Linear").__name__ == "Linear" and home_of("torch.nn:Linear") == ""
    assert sys.path[-1] == str(folder[0]) != sys.path[0]  # what is installed is found before it from now on


def test_a_folder_that_is_known_comes_first(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "twice.py").write_text("value = 'known'\n")
    folder[1]("twice", "value = 'here'\n")
    assert imported("twice:value", str(other)) == "known"
    assert imported("owned:number", "/nowhere") == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ownd:Outer", r"there is no module 'ownd' in .*, nor where Python looks; did you mean 'owned'\?"),
        ("zzzzzz:Outer", "no module 'zzzzzz' .*: start from the folder that holds it, or name that folder in PYTH"),
        ("owned.py:Outer", r"there is no module 'owned.py'"),
        ("owned:Outr", r"owned \(.*owned.py\) has no 'Outr'; did you mean 'Outer'\?"),
        ("owned:zzzzzz", r"has no 'zzzzzz'; it has Outer"),
        ("owned:Outer.zzzzzz", "has no 'zzzzzz'"),
        ("owned:", r"named MODULE:NAME, as Python imports it: mine:Net, got 'owned:'"),
        ("a/b:C", "named MODULE:NAME"),
        ("os:system", "os is of Python's standard library"),
        ("broken:X", r"importing broken raises RuntimeError: no licence \(.*broken.py, line 2\)"),
        ("wrong:X", "importing wrong raises SyntaxError: "),
        ("script:X", "importing script raises SystemExit: 3"),
        ("needs:X", "importing needs fails: No module named 'nothing_like_it'"),
    ],
)
def test_what_is_not_there_is_one_line(folder, name, said):
    _, write = folder
    write("broken", "x = 1\nraise RuntimeError('no licence')\n")
    write("wrong", "x = = 1\n")
    write("script", "import sys\nsys.exit(3)\n")
    write("needs", "import nothing_like_it\n")
    with pytest.raises(AbsentError, match=said) as caught:
        imported(name)
    assert "\n" not in str(caught.value)


def test_classes_by_their_names():
    class Local:
        pass

    assert dotted_name(Settings) == "test_dotted:Settings" and dotted_name(Local) is None
    assert dotted_name(type("Other", (), {"__module__": "__main__"})) is None
    assert dotted_name(type("Settings", (), {"__module__": "test_dotted"})) is None  # another one of that name


@dataclass(frozen=True)
class Settings:
    """Of something."""

    width: int = 4


class Plain:
    """Its first line.

    More of it.
    """

    def __init__(self, depth: int, rate: float = 0.5, *rest, names=("a",), **more):
        self.given = depth, rate, names


def by_settings(settings: Settings = Settings(7)):
    return settings.width


def of_sizes(width: int = 2, /, io: IO | None = None, depth=3, *, settings: Settings = Settings(1)):
    return io, width, depth, settings


def test_parameters_are_settings():
    entry = maker(Plain, "x:Plain")
    assert entry.about == "Its first line." and required(entry.kind) == ["depth"] and entry.options is None
    assert [(f.name, f.type) for f in dataclasses.fields(entry.kind)] == [
        ("depth", int), ("rate", float), ("names", tuple),
    ]  # fmt: skip
    assert entry.make(entry.kind(depth=2)).given == (2, 0.5, ("a",))
    with pytest.raises(ValueError, match=r"x:Plain needs 'depth', without a default: give --space\.depth, or from Py"):
        made_by(entry, None, "space", "x:Plain")
    assert "--domain.depth" in lacks(entry, "domain", "x:Plain")


def test_dataclasses_are_their_own_settings():
    entry = maker(Settings, "x")
    assert entry.kind is Settings and entry.make(Settings(9)) == Settings(9) and entry.options == Settings()
    entry = maker(by_settings, "x")
    assert entry.kind is Settings and entry.options == Settings(7) and entry.make(Settings(9)) == 9
    entry = maker(lambda: 5, "x")
    assert required(entry.kind) == [] and entry.make(entry.options) == 5


def test_the_sizes_of_a_domain_are_no_setting():
    entry, io = maker(of_sizes, "x"), IO((3,), (2,))
    assert entry.sized == "io" and [f.name for f in dataclasses.fields(entry.kind)] == ["width", "depth", "settings"]
    with pytest.raises(ValueError, match="x takes the sizes of a domain, io: give a domain with data, no table"):
        made_by(entry, None, "space", "x")
    assert made_by(entry, entry.kind(depth=4), "space", "x", io) == (io, 2, 4, Settings(1))


def test_parameters_that_say_nothing_are_refused():
    def silent(x, y=None):
        return x

    def unknown(x: "NoSuchType" = 3):  # noqa: F821
        return x

    with pytest.raises(TypeError, match="parameter 'x' of a:b needs an annotation, such as x: int = 8"):
        maker(silent, "a:b")
    with pytest.raises(TypeError, match="the parameters of a:b cannot be read: name 'NoSuchType' is not defined"):
        maker(unknown, "a:b")


ready = type("Ready", (), {"choices": ()})()
number = 3


def test_what_is_there_already_and_what_is_neither():
    entry = maker_of("space", "test_dotted:ready")
    assert entry.kind is Nothing and entry.make(entry.options) is ready
    with pytest.raises(TypeError, match="test_dotted:number is of the type int: a space is given by its class, an ins"):
        maker_of("space", "test_dotted:number")
    with pytest.raises(TypeError, match="a domain is given by its class"):
        maker_of("domain", "test_dotted:ready")


def test_marks_are_how_a_run_remembers():
    made = marked(type("Space", (), {"choices": ()})(), Settings(), "space", "a:b")
    assert made.catalogue_name == "a:b" and made.catalogue_options == Settings() and made.catalogue_sizes is None
    for wrong, name in ((3, "int"), (type("Space", (), {"choices": ()}), "Space")):
        with pytest.raises(TypeError, match=f"a:b gives {name}, which is no space: an instance with 'choices'"):
            marked(wrong, Settings(), "space", "a:b")


class Wide:
    """A maker of something, with settings that are no dataclass."""

    def __init__(self, io, width: int = 3):
        self.width = width


def test_settings_of_a_callable_are_pickled():
    made = maker(Wide, "test_dotted:Wide")
    again = pickle.loads(pickle.dumps(made.kind(width=5)))
    assert again.width == 5 and type(again).__name__ == "WideSettings"
