"""The plan of the house: which room may import which, what a folder holds and says, and that every module has its test.

`ROOMS` is the plan. Everything else here compares a tree with it, and is itself tried on a small tree that is wrong.
"""

import ast
import importlib
from collections import Counter
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    room: set(may.split())
    for room, may in {
        "compute": "",
        "support": "compute",
        "space": "support",
        "supernet": "compute space",
        "picked": "compute support space supernet",
        "predict": "compute space",
        "task": "compute support space",
        "cost": "compute support space task",
        "strategy": "support space supernet cost",
        "estimate": "compute support space task cost strategy",
        "one_shot": "compute support space supernet task cost strategy estimate",
        "prune": "compute support space supernet task cost strategy one_shot",
        "loop": "compute support space task cost strategy estimate",
        "spaces": "compute support space supernet",
        "agent": "compute support space supernet task strategy spaces",
        "domains": "compute support space task agent",
        "methods": "compute support space supernet predict task cost strategy estimate one_shot prune loop agent",
        "run": "support space picked strategy estimate loop spaces domains methods",
        "retrain": "compute support space task cost loop run",
        "report": "compute support space cost prune loop agent methods run retrain",
        "api": "compute support space supernet task cost strategy estimate one_shot loop agent run retrain report",
        "top": "support space picked task strategy estimate one_shot retrain api",
        "testing": "support space supernet task cost strategy estimate loop run top",
        "cli": "compute support space supernet task cost strategy estimate one_shot loop domains spaces methods run"
        " retrain report api",
    }.items()
}
"""Room -> what it may import. A room is a folder of `appnas/`, or `spaces` or `domains`; `top` is `appnas` itself."""
NARROW = {("domains", "space"): {"IO"}}
"""The only names that may go along an arrow."""
FOLDERS = ("appnas", "domains", "spaces")
WIDE = {"appnas/methods"}
"""Folders that may hold more than 12 files: one paper, one file."""
CATALOGUES = {"appnas", "appnas/methods", "appnas/testing", "domains", "spaces"}
"""Folders whose docstring needs no words on what belongs there."""


def modules(root):
    """Every module by its dotted name."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts if folder == "appnas" else ("appnas", *parts)).removesuffix(".__init__")] = path
    return found


@cache
def imported(text):
    """Line and dotted name of all that a file imports, wherever it stands; imported names are appended."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            if node.args and isinstance(node.args[0], ast.Constant):
                found.append((node.lineno, str(node.args[0].value)))
    return found


def arrows(root):
    """(importing module, line, imported module, full name) of all imports within the package."""
    known = modules(root)
    for module, path in known.items():
        for line, name in imported(path.read_text()):
            target = name
            while target and target not in known:
                target = target.rpartition(".")[0]
            if target:
                yield module, line, target, name


def room(module):
    return module.split(".")[1] if "." in module else "top"


def strays(root, rooms=ROOMS, narrow=NARROW):
    """Imports that the table does not know."""
    known, found = modules(root), []
    for module, line, target, name in arrows(root):
        a, b = room(module), room(target)
        where = f"{known[module].relative_to(root)}:{line}: "
        if a not in rooms:
            found.append(f"{where}the room {a} is not in the table")
        elif a != b and b not in rooms[a]:
            found.append(f"{where}{a} may not import {b} ({name}), only {', '.join(sorted(rooms[a])) or 'nothing'}")
        elif name.split(".")[-1] not in narrow.get((a, b), {name.split(".")[-1]}):
            found.append(f"{where}{a} may import only {', '.join(narrow[a, b])} of {b}, not {name}")
    return found


def unused(root, rooms=ROOMS):
    """Arrows of the table that nobody goes, and rooms that are not there."""
    gone = {(room(module), room(target)) for module, _, target, _ in arrows(root)}
    there = {room(module) for module in modules(root)}
    arrowless = [f"{a} imports nothing of {b}" for a, may in rooms.items() for b in sorted(may) if (a, b) not in gone]
    return arrowless + [f"there is no room {name}" for name in sorted(set(rooms) - there)]


def circles(pairs):
    """One circle of each knot of a graph, from its first name on."""
    graph, found = nx.DiGraph(pairs), []
    for knot in nx.strongly_connected_components(graph):
        if len(knot) > 1:
            circle = [edge[0] for edge in nx.find_cycle(graph.subgraph(knot))]
            first = circle.index(min(circle))
            found.append(" -> ".join([*circle[first:], *circle[:first], circle[first]]))
    return sorted(found)


def module_circles(root):
    """Circles of modules. What imports a folder imports what the folder's `__init__` does."""
    return circles((module, target) for module, _, target, _ in arrows(root) if module != target)


def detours(root):
    """Modules that import a sibling through the `__init__` of a folder that they lie in."""
    known = modules(root)
    return [
        f"{known[module].relative_to(root)}:{line}: {name} comes through the own folder; import its module"
        for module, line, target, name in arrows(root)
        if module.startswith(target + ".") and target != "appnas"
    ]


def outlandish(root):
    """Relative imports, and the folders `domains` and `spaces` by their bare names."""
    found = []
    for folder in (*FOLDERS, "examples", "benchmarks", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            for line, name in imported(path.read_text()):
                if name.startswith(".") or name.split(".")[0] in ("domains", "spaces"):
                    found.append(f"{path.relative_to(root)}:{line}: {name} is relative or a bare name")
    return found


def long(root, most=300):
    """Files that are too long."""
    folders = (*FOLDERS, "examples", "benchmarks")
    lengths = {p: len(p.read_text().splitlines()) for folder in folders for p in sorted((root / folder).rglob("*.py"))}
    return [f"{path.relative_to(root)}: {n} lines, over {most}" for path, n in lengths.items() if n > most]


def folders(root):
    """Every folder that holds a module, with its files."""
    found = {}
    for path in modules(root).values():
        found.setdefault(path.parent.relative_to(root).as_posix(), []).append(path.name)
    return found


def crowded(root, most=12):
    """Folders of too many files."""
    counts = {name: len(names) for name, names in folders(root).items() if name not in WIDE}
    return [f"{name}: {count} files, over {most}" for name, count in counts.items() if count > most]


def undescribed(root):
    """Folders whose `__init__` does not say in two sentences what they are and what belongs there."""
    found = []
    for name, names in folders(root).items():
        if "__init__.py" not in names:
            found.append(f"{name}: no __init__.py")
            continue
        doc = ast.get_docstring(ast.parse((root / name / "__init__.py").read_text())) or ""
        sentences = [part for part in doc.replace("\n", " ").split(". ") if part.strip(" .")]
        if len(sentences) < 2 or (name not in CATALOGUES and "Here belong" not in doc):
            found.append(f"{name}: its docstring says in fewer than two sentences what belongs there")
    return found


def untested(root):
    """Modules without a test file of the same name in the same place."""
    found = []
    for path in modules(root).values():
        name = path.relative_to(root)
        inside = path.parent.relative_to(root / "appnas" if name.parts[0] == "appnas" else root)
        if path.stem.startswith("__") or inside.parts[:1] == ("testing",):
            continue  # the suites of appnas.testing are tested together
        own = root / "tests" / inside
        if not any((own / f"test_{stem}.py").exists() for stem in (path.stem, f"{inside.name}_{path.stem}")):
            found.append(f"{name}: no {(own / f'test_{path.stem}.py').relative_to(root)}")
    return found


def namesakes(root):
    """Test files of one name, of which pytest can import one only: a room's name goes before it."""
    files = sorted((root / "tests").rglob("test_*.py"))
    names = Counter(file.name for file in files)
    return [f"{file.relative_to(root / 'tests')}: another has its name" for file in files if names[file.name] > 1]


CHECKS = (strays, unused, module_circles, detours, outlandish, long, crowded, undescribed, untested, namesakes)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_is_as_planned(check):
    assert check(ROOT) == []


def test_the_table_has_no_circle():
    assert circles((a, b) for a, may in ROOMS.items() for b in may) == []
    assert set().union(*ROOMS.values()) <= set(ROOMS)


@pytest.mark.parametrize("name", [name for name, path in modules(ROOT).items() if path.name == "__init__.py"])
def test_what_a_room_hands_on_is_there(name):
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])
    if name == "appnas.agent":
        pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")
    assert len(set(names)) == len(names) and [n for n in names if not hasattr(module, n)] == []


@pytest.fixture
def hut(tmp_path):
    """Two rooms in which nothing is wrong; `write` adds to them."""

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("appnas/__init__.py", '"""A hut. With two rooms."""\nfrom appnas.up import c\n')
    write("appnas/low/__init__.py", '"""Low. Here belongs a."""\nfrom appnas.low.a import one\n')
    write("appnas/low/a.py", "one = 1\n")
    write("appnas/up/__init__.py", '"""Up. Here belong b and c."""\nfrom appnas.up.b import one\n')
    write("appnas/up/b.py", "from appnas.low import one\n")
    write("appnas/up/c.py", "from appnas.up.b import one\n")
    for test in ("low/test_a.py", "up/test_b.py", "up/test_up_c.py"):
        write(f"tests/{test}", "")
    return tmp_path, write


HUT = {"low": set(), "up": {"low"}, "top": {"up"}}


def test_a_house_that_is_as_planned(hut):
    root, _ = hut
    assert strays(root, HUT) == unused(root, HUT) == []
    assert [check(root) for check in CHECKS[2:]] == [[]] * 8


@pytest.mark.parametrize(
    ("path", "text", "check", "said"),
    [
        (
            "appnas/low/a.py", "def f():\n    from appnas.up.b import one\n",
            lambda root: strays(root, HUT), "appnas/low/a.py:2: low may not import up (appnas.up.b.one), only nothing",
        ),
        (
            "appnas/low/a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import appnas.up\n",
            lambda root: strays(root, HUT), "appnas/low/a.py:3: low may not import up (appnas.up), only nothing",
        ),
        (
            "appnas/low/a.py", "import importlib\nb = importlib.import_module('appnas.up.b')\n",
            lambda root: strays(root, HUT), "appnas/low/a.py:2: low may not import up (appnas.up.b), only nothing",
        ),
        (
            "appnas/new/d.py", "import appnas.low\n",
            lambda root: strays(root, HUT), "appnas/new/d.py:1: the room new is not in the table",
        ),
        (
            "domains/d.py", "from appnas.low import two\n",
            lambda root: strays(root, HUT | {"domains": {"low"}}, {("domains", "low"): {"one"}}),
            "domains/d.py:1: domains may import only one of low, not appnas.low.two",
        ),
        ("appnas/up/b.py", "", lambda root: unused(root, HUT), "up imports nothing of low"),
        ("appnas/up/b.py", "", lambda root: unused(root, HUT | {"attic": set()}), "there is no room attic"),
        (
            "appnas/up/b.py", "def f():\n    from appnas.up import c\n",
            module_circles, "appnas.up.b -> appnas.up.c -> appnas.up.b",
        ),
        (
            "appnas/up/c.py", "from appnas.up import one\n",
            detours, "appnas/up/c.py:1: appnas.up.one comes through the own folder; import its module",
        ),
        ("appnas/up/c.py", "from .b import one\n", outlandish, "appnas/up/c.py:1: .b.one is relative or a bare name"),
        ("tests/x.py", "import spaces\n", outlandish, "tests/x.py:1: spaces is relative or a bare name"),
        ("appnas/up/c.py", "\n" * 301, long, "appnas/up/c.py: 301 lines, over 300"),
        ("appnas/new/d.py", "", undescribed, "appnas/new: no __init__.py"),
        (
            "appnas/up/__init__.py", '"""Here belongs what is up."""\n',
            undescribed, "appnas/up: its docstring says in fewer than two sentences what belongs there",
        ),
        (
            "appnas/up/__init__.py", '"""What is up. And high."""\n',
            undescribed, "appnas/up: its docstring says in fewer than two sentences what belongs there",
        ),
        ("appnas/up/d.py", "", untested, "appnas/up/d.py: no tests/up/test_d.py"),
        ("spaces/up/d.py", "", untested, "spaces/up/d.py: no tests/spaces/up/test_d.py"),
        ("tests/up/test_a.py", "", namesakes, "low/test_a.py: another has its name"),
    ],
)  # fmt: skip
def test_what_is_not_as_planned_is_named(hut, path, text, check, said):
    root, write = hut
    write(path, text)
    assert said in check(root)


def test_a_thirteenth_file_is_one_too_many(hut):
    root, write = hut
    for i in range(10):
        write(f"appnas/up/d{i}.py", "")
    assert crowded(root) == ["appnas/up: 13 files, over 12"]


def test_a_circle_of_the_table_is_named():
    assert circles([("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]) == ["b -> c -> b"]
