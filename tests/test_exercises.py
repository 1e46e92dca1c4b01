"""A stranger's three exercises: a method, a space and a domain are added to a copy, by touching what CONTRIBUTING says.

In the copy the suites run on what was added, and the tests of layers, matrix and docs on the whole.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent


class Exercise(NamedTuple):
    """One thing to add.

    Attributes:
        name: of its module in `tests/exercises`; its test is `<name>_suite.py` there.
        new: where these two go.
        lines: what is put into files that are there, as (file, before what, text).
        catalogue: the file among them that makes it known.
        run: its tests, and those of the matrix and the docs that it brings.
        suites: some of its own tests.
        count: how many of them pass.
    """

    name: str
    new: list[str]
    lines: list[tuple[str, str, str]]
    catalogue: str
    run: list[str]
    suites: list[str]
    count: int


MATRIX = "tests/test_matrix.py"
EXERCISES = [
    Exercise(
        "hillclimb",
        ["appnas/methods/hillclimb.py", "tests/methods/test_hillclimb.py"],
        [
            (
                "appnas/methods/__init__.py", '    "routability": Method(\n',
                '    "hillclimb": Method(\n        "hillclimb",\n        "Hill climbing (arXiv 0000.00000)",\n'
                '        "hill climbing", "training from scratch, or a table",\n        "never", "scores",\n    ),\n',
            ),
            (
                "docs/methods/index.md", "| `routability` |",
                "| `hillclimb` | Hill climbing (arXiv 0000.00000) | hill climbing | training from scratch, or a table"
                " | scores | never |\n",
            ),
            (MATRIX, '    "routability": {"eval', '    "hillclimb": {"evaluations": 3, "budget": 1, "memory": 2},\n'),
        ],
        "appnas/methods/__init__.py",
        [
            "tests/methods/test_hillclimb.py", f"{MATRIX}::test_the_matrix_is_complete",
            f"{MATRIX}::test_searches_retrains_and_tests[hillclimb-bench201]",
            f"{MATRIX}::test_searches_a_space_by_an_evaluator[hillclimb-gnn]",
            "tests/test_docs.py::test_the_table_of_methods_is_the_catalogue[hillclimb]",
            "tests/test_docs.py::test_every_setting_says_what_it_is[method hillclimb]",
        ],
        ["TestHillclimb::test_resumes_bit_for_bit", "TestHillclimb::test_memory"],
        7,
    ),
    Exercise(
        "ladder",
        ["spaces/images/ladder.py", "tests/spaces/images/test_ladder.py"],
        [
            (
                "spaces/__init__.py", "    from appnas.spaces.parts",
                "    from appnas.spaces.images.ladder import Ladder\n",
            ),
            ("spaces/__init__.py", '        "mlp": Named', '        "ladder": Named("Ladder", 16, "four layers"),\n'),
            ("spaces/__init__.py", '    "Maskable",\n', '    "Ladder",\n'),
            ("docs/spaces.md", "| `mlp` |", "| `ladder` | layers, each one of four operations | 16 |\n"),
            (MATRIX, '    "mlp": {"width', '    "ladder": {"width": 4},\n'),
        ],
        "spaces/__init__.py",
        [
            "tests/spaces/images/test_ladder.py", f"{MATRIX}::test_the_matrix_is_complete",
            f"{MATRIX}::test_every_kind_of_name_is_known[ladder]",
            *(f"{MATRIX}::test_searches_retrains_and_tests[{method}-ladder]" for method in ("darts", "unas", "random")),
            "tests/test_docs.py::test_spaces_and_domains_are_in_their_tables[ladder]",
            "tests/test_docs.py::test_every_setting_says_what_it_is[space ladder]",
        ],
        ["TestSpace::test_restriction", "TestSupernet::test_gradient_of_the_gates"],
        25,
    ),
    Exercise(
        "stripes",
        ["domains/images/stripes.py", "tests/domains/images/test_stripes.py"],
        [
            (
                "domains/__init__.py", '        "catch": Named',
                '        "stripes": Named("images.stripes:Stripes", "StripesOptions", "a bright line, drawn here"),\n',
            ),
            ("docs/domains.md", "| `catch` |", "| `stripes` | a bright line above or below, drawn here |\n"),
        ],
        "domains/__init__.py",
        [
            "tests/domains/images/test_stripes.py",
            "tests/test_docs.py::test_spaces_and_domains_are_in_their_tables[stripes]",
            "tests/test_docs.py::test_every_setting_says_what_it_is[domain stripes]",
        ],
        ["TestStripes::test_splits_are_disjoint", "test_a_search_by_name"],
        12,
    ),
]  # fmt: skip
COMMON = [
    "tests/test_layers.py::test_the_house_is_as_planned", "tests/test_docs.py::test_the_map_names_every_room",
    "tests/test_docs.py::test_the_plan_in_contributing_is_the_table_of_rooms",
]  # fmt: skip
"""What holds of the whole tree."""


def copied(root: Path) -> Path:
    """A copy of the tree, and beside it a folder that holds it as a package, for PYTHONPATH."""
    copy = root / "copy"
    names = ("appnas", "domains", "spaces", "tests", "examples", "benchmarks", "docs")
    for name in names:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    package = root / "path" / "appnas"
    package.mkdir(parents=True)
    for item in [*(copy / "appnas").iterdir(), copy / "domains", copy / "spaces"]:
        (package / item.name).symlink_to(item)
    return copy


def pytest_on(copy: Path, *args: str) -> tuple[int, list[str], str]:
    """Exit code, what passed, and all that pytest says. Only the package of the copy is found."""
    env = {**os.environ, "PYTHONPATH": str(copy.parent / "path"), "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "no:xdist", *args]
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
    passed = re.findall(r"^(tests/\S.*) PASSED", done.stdout, re.MULTILINE)
    return done.returncode, passed, done.stdout + done.stderr


def add(copy: Path, exercise: Exercise, catalogue: bool = True) -> set[str]:
    """Do an exercise, and say which files it touched."""
    for path, source in zip(exercise.new, (exercise.name, f"{exercise.name}_suite"), strict=True):
        assert not (copy / path).exists()
        shutil.copy(ROOT / "tests" / "exercises" / f"{source}.py", copy / path)
    lines = [line for line in exercise.lines if catalogue or line[0] != exercise.catalogue]
    for path, before, line in lines:
        text = (copy / path).read_text()
        assert text.count(before) == 1, f"{path} has {text.count(before)} times {before!r}"
        (copy / path).write_text(text.replace(before, line + before))
    return {*exercise.new, *(path for path, *_ in lines)}


def promised(copy: Path, exercise: Exercise) -> set[str]:
    """The files that CONTRIBUTING's table says are touched."""
    kind = {"hillclimb": "a method", "ladder": "a space", "stripes": "a domain"}[exercise.name]
    row = next(line for line in (copy / "CONTRIBUTING.md").read_text().splitlines() if line.startswith(f"| {kind} |"))
    files = {
        re.sub(r"<paper>|<name>", exercise.name, path).replace("<field>", "images")
        for path in re.findall(r"`([\w/<>]+\.py)`", row)
    }
    return files | set(re.findall(r"`(docs/[\w/]+\.md)`", row))


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_an_exercise(exercise: Exercise, tmp_path: Path):
    copy = copied(tmp_path)
    assert add(copy, exercise) == promised(copy, exercise)
    (copy / "tests" / "test_where.py").write_text(
        "import appnas.spaces.images, appnas.domains\n"
        "def test_where():\n"
        "    files = [m.__file__ for m in (appnas, appnas.spaces.images, appnas.domains)]\n"
        f"    assert all(f.startswith({str(tmp_path)!r}) for f in files), files\n"
    )
    documented = f"tests/test_docs.py::test_everything_public_is_documented[{exercise.new[0]}]"
    wanted = [*exercise.run[1:], "tests/test_where.py::test_where", documented, *COMMON[1:]]
    code, passed, said = pytest_on(copy, exercise.run[0], *wanted, COMMON[0])
    assert code == 0, said
    planned = {f"{COMMON[0]}[{check}]" for check in ("untested", "strays", "module_circles")}
    assert {*wanted} | planned <= {*passed}, said
    own = [line for line in passed if line.startswith(exercise.run[0])]
    assert {f"{exercise.run[0]}::{name}" for name in exercise.suites} <= {*own} and len(own) == exercise.count, said


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_without_its_catalogue_line_nothing_is_picked_up(exercise: Exercise, tmp_path: Path):
    """The matrix, the docs and the exercise's own tests say so."""
    copy = copied(tmp_path)
    add(copy, exercise, catalogue=False)
    complete = f"{MATRIX}::test_the_matrix_is_complete"
    code, passed, said = pytest_on(copy, exercise.run[0], complete)
    assert code in (1, 2) and not any("by_name" in line or "one_call" in line for line in passed), said
    assert (complete in passed) != any(path == MATRIX for path, *_ in exercise.lines) or code == 2, said
    of_docs = exercise.run[-1]
    code, passed, said = pytest_on(copy, of_docs)
    assert code == 4 and f"not found: {copy / of_docs.partition('[')[0]}" in said and not passed, said
