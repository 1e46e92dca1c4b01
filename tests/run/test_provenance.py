"""appnas.run.provenance: spaces and domains, written down and made again."""

import importlib
import json
import sys
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pytest
import torch

from appnas.run import catalogue, describe_domain, describe_space, load_domain, load_space
from appnas.spaces import Bench201
from appnas.support import AbsentError, RunError

HERE = str(Path(__file__).parent)


def again(space=None, domain=None):
    """Both as JSON has them."""
    return json.loads(json.dumps({"space": describe_space(space), "domain": describe_domain(domain)}))


def test_both_come_back_from_json():
    space, domain = Bench201(channels=4), catalogue.domain("digits")
    saved = again(space, domain)
    assert load_space(saved) == space
    other = load_domain(saved)
    assert type(other) is type(domain) and other.options == domain.options and other.catalogue_name == "digits"


def test_what_has_no_name_must_be_given():
    class Mine(Bench201):
        """Made in a function."""

    saved = again(Mine(), object())
    assert saved["space"]["name"] is None and saved["domain"] == {"name": None, "repr": "object"}
    with pytest.raises(AbsentError, match=r"space of your own, .*Mine.*space=\.\.\."):
        load_space(saved)
    with pytest.raises(AbsentError, match=r"domain of your own, object.*domain=\.\.\."):
        load_domain(saved)


class Kind(Enum):
    SMALL = 1
    LARGE = 2


@dataclass(frozen=True)
class Mine(Bench201):
    """A space that no catalogue knows, with fields of every kind that a run keeps."""

    kind: Kind = Kind.SMALL
    file: Path = Path("a")
    sizes: tuple[int, ...] = (1, 2)
    weight: torch.Tensor | None = None
    names: dict[str, int] = field(default_factory=dict)


def test_an_instance_of_an_importable_dataclass_is_known_by_its_class():
    space = Mine(channels=3, kind=Kind.LARGE, file=Path("b/c"), sizes=(4,), names={"x": 2})
    saved = again(space, Points(3))
    assert saved["space"]["name"] == "test_provenance:Mine" and saved["space"]["folder"] == HERE
    assert saved["space"]["fields"]["kind"] == "LARGE" and saved["space"]["fields"]["file"] == "b/c"
    assert load_space(saved) == space and load_domain(saved) == Points(3)
    assert again(Mine(weight=torch.ones(2)), None)["space"]["name"] is None  # a tensor does not come back


@dataclass
class Points:
    """A domain that is a dataclass."""

    count: int = 2

    def score(self, model):
        """Nothing."""
        return {"value": 0.0}


def make(width: int, flag: bool = False, hook=len):
    """A space of so many channels."""
    assert hook is len
    return Bench201(channels=width, repeats=1 + flag)


def test_what_a_function_makes_is_made_again_by_it():
    entry = catalogue.space_entry("test_provenance:make")
    space = catalogue.space("test_provenance:make", entry.kind(width=3, flag=True))
    assert (space.channels, space.repeats) == (3, 2)
    assert describe_space(Bench201())["name"] == "bench201"
    described = catalogue.space("test_provenance:made")
    saved = again(described, catalogue.domain("test_provenance:Points", Points(5)))
    assert saved["space"]["name"] == "test_provenance:made" and saved["space"]["fields"] == {}
    assert load_space(saved) is made and load_domain(saved) == Points(5)


made = Mine(channels=7)


def test_a_run_cannot_keep_everything():
    entry = catalogue.domain_entry("test_provenance:hooked")
    kept = describe_domain(catalogue.domain("test_provenance:hooked", entry.kind(count=4)))
    assert kept["options"] == {"count": 4}  # the hook is the default, and no text
    with pytest.raises(TypeError, match=r"'hook' of test_provenance:hooked is a builtin.*, which a run cannot keep"):
        describe_domain(catalogue.domain("test_provenance:hooked", entry.kind(hook=max)))


def hooked(count: int = 3, hook=len):
    """A domain with a function among its parameters."""
    return Points(count)


def test_code_that_has_changed_is_told(tmp_path, monkeypatch):
    """Other choices are refused; a module that is gone or broken is named, with what to do."""
    text = (
        "from dataclasses import dataclass\nfrom appnas.spaces import Cells\n"
        "@dataclass(frozen=True)\nclass Changing(Cells):\n    more: int = 1\n"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "changing.py").write_text(text)
    saved = again(catalogue.space("changing:Changing"), None)
    assert saved["space"]["folder"] == str(tmp_path) and load_space(saved).more == 1
    monkeypatch.chdir("/")
    for old, new, error, said in (
        (
            "more: int = 1",
            "more: int = 1\n    choices = Cells(nodes=2).choices",
            RunError,
            "changing:Changing has other choices by now",
        ),
        (
            "more: int",
            "less: int",
            AbsentError,
            r"changing:Changing of this run cannot be made again: .*got \['more'\]",
        ),
        (
            "@dataclass",
            "1 / 0\n@dataclass",
            AbsentError,
            "importing changing raises ZeroDivisionError: .*changing.py, ",
        ),
        ("class Changing", "class Changed", AbsentError, "has no 'Changing'; did you mean 'Changed'"),
    ):
        sys.modules.pop("changing", None)
        (tmp_path / "changing.py").write_text(text.replace(old, new) + f"# {len(new)}\n")
        importlib.invalidate_caches()
        with pytest.raises(error, match=said):
            load_space(saved)
    sys.modules.pop("changing", None)
    (tmp_path / "changing.py").unlink()
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]
    with pytest.raises(AbsentError, match=r"no module 'changing' in .*; put that right, or from Python give space="):
        load_space(saved)
