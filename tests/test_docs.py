"""What is promised in prose: the pages' code runs, their tables match the catalogues, what is public is documented."""

import ast
import dataclasses
import importlib
import re
import sys
from pathlib import Path

import pytest
from programs import run
from test_layers import ROOMS, modules, room

from appnas.domains import DOMAINS
from appnas.methods import METHODS
from appnas.run import catalogue
from appnas.spaces import SPACES
from appnas.task import Recipe

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OWN = (ROOT / "docs/own/space.md").read_text()
TABLE = {name: (ROOT / f"docs/{name}.md").read_text() for name in ("methods/index", "spaces", "domains")}
RESULTS = (ROOT / "benchmarks/RESULTS.md").read_text()


def blocks(text):
    """Every Python snippet of a page, and whether a comment before it, `<!-- slow -->`, says that it takes long."""
    return [(code, bool(slow)) for slow, code in re.findall(r"(<!-- slow -->\n)?```python\n(.*?)```", text, re.DOTALL)]


BLOCKS = [
    pytest.param(
        code, id=f"{path.relative_to(ROOT)}:{k}", marks=[pytest.mark.slow] * slow
    )
    for path in PAGES for k, (code, slow) in enumerate(blocks(path.read_text()))
]  # fmt: skip
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MODULES = [p for folder in ("appnas", "domains", "spaces") for p in sorted((ROOT / folder).rglob("*.py"))]
OPTIONS = {
    **{f"method {name}": method.config for name, method in METHODS.items()},
    **{f"space {name}": kind for name, kind in SPACES.items()},
    **{f"domain {name}": type(source.options) for name, source in catalogue.domains().items()},
    "recipe": Recipe,
}


@pytest.mark.parametrize("block", BLOCKS)
def test_the_code_of_the_pages_runs(block, tmp_path):
    (file := tmp_path / "block.py").write_text(block)
    run(file, folder=tmp_path)


def test_a_slow_snippet_is_marked():
    said = "```python\na\n```\n<!-- slow -->\n```python\nb\n```\n```\nc\n```\n"
    assert blocks(said) == [("a\n", False), ("b\n", True)]


def test_the_readme_can_be_read():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def figures(text):
    """Numbers with decimals in the rows of tables, a share of one with or without its zero."""
    rows = "\n".join(line for line in text.splitlines() if line.startswith("| "))
    return {number.removeprefix("0") for number in re.findall(r"(?<![\d.])\d*\.\d+(?![\d.])", rows)}


@pytest.mark.parametrize("page", ["README.md", "docs/choosing/method.md"])
def test_figures_that_advise_were_measured(page):
    advice = figures((ROOT / page).read_text())
    assert len(advice) > 20 and advice <= figures(RESULTS)


def test_figures_are_seen():
    assert figures("1.5 no\n| 0.72 ± .01 | 3.9.1 | 12 |\n| 94.30 |\n") == {".72", ".01", "94.30"}


NEEDS = {"procgen_rl_darts": "procgen", "graph_agnn": "torch_geometric", "own_gnn": "torch_geometric"}
"""What an example needs that not both test environments hold: `make rl` has Procgen, `make test` the graphs."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_run(example, tmp_path):
    if example.stem in NEEDS:
        pytest.importorskip(NEEDS[example.stem], reason="its extra is not installed here")
    assert run(example, "--quick", folder=tmp_path)


@pytest.mark.parametrize(
    ("task", "metric"), [("graph", "accuracy"), ("link", "auc"), ("regression", "mae"), ("types", "accuracy")]
)
def test_the_graph_example_has_other_tasks(task, metric, tmp_path):
    pytest.importorskip("torch_geometric", reason="its extra is not installed here")
    said = run(ROOT / "examples" / "graph_agnn.py", "--quick", "--task", task, folder=tmp_path)
    assert f"more {metric} is better" in said or f"less {metric} is better" in said


@pytest.mark.parametrize("name", METHODS)
def test_the_table_of_methods_is_the_catalogue(name):
    method = METHODS[name]
    said = (method.paper, method.strategy, method.estimation, method.needs, method.when)
    assert f"| `{name}` | {' | '.join(said)} |" in TABLE["methods/index"]


@pytest.mark.parametrize("name", [*SPACES, *DOMAINS])
def test_spaces_and_domains_are_in_their_tables(name):
    assert f"| `{name}` |" in TABLE["spaces" if name in SPACES else "domains"]


def test_the_map_names_every_room():
    block = CONTRIBUTING[CONTRIBUTING.index("## Map") :]
    assert [name for name in ROOMS if name != "top" and not re.search(rf"^ *{name}/ ", block, re.MULTILINE)] == []


def test_the_plan_in_contributing_is_the_table_of_rooms():
    """Every room with its modules, and what it may import."""
    rows = re.findall(r"^\| `([\w/.]+)` \| [^|]+ \| ([^|]*) \| ([^|]+) \|$", CONTRIBUTING, re.MULTILINE)
    planned = {name: (set(re.findall(r"\w+", inside)), set(re.findall(r"\w+", may))) for name, inside, may in rows}
    there = {name: set() for name in ROOMS}
    for name in modules(ROOT):
        if name.count(".") > 1 and not name.endswith("__main__"):
            there[room(name)].add(name.split(".")[2])
    there["methods"] = {"one", "a", "paper"}
    expected = {name: (there[name], may or {"nothing"}) for name, may in ROOMS.items()}
    expected["appnas/__init__.py"] = expected.pop("top")
    assert planned == expected and next(iter(planned)) == "compute"


def asked(tree):
    """Members that code asks a space for: getattr, hasattr and offers, of what is called a space."""
    for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call) and len(n.args) > 1):
        named = isinstance(call.func, ast.Name) and call.func.id in ("getattr", "hasattr", "offers", "lacking")
        if named and re.search(r"space\)*$", ast.unparse(call.args[0])):
            compared = {id(n) for c in ast.walk(call.args[1]) if isinstance(c, ast.Compare) for n in ast.walk(c)}
            yield from (
                n.value for n in ast.walk(call.args[1]) if isinstance(n, ast.Constant) and id(n) not in compared
            )


NEEDED = {"choices", "mask", "valid", "discretise", "build", "supernet"}
"""What every space has, and a method may ask for."""


def test_the_table_of_a_spaces_members_is_what_the_code_asks_for():
    found = (
        set().union(*(asked(ast.parse(path.read_text())) for path in MODULES)) - NEEDED - {"shape"}
    )  # of observations
    rows = set(re.findall(r"^\| `(\w+)` \| `?\S.* \| .* \| .* \|$", OWN, re.MULTILINE))
    assert found == rows
    needed = set(re.findall(r"^\| `(\w+)(?:\(.*)?` \| [^|]* \|$", OWN, re.MULTILINE))
    assert needed == NEEDED


def test_what_is_asked_of_a_space_is_seen():
    code = (
        "getattr(self.space, 'a', 0); hasattr(f(space), 'b'); offers(space, ['c', *x[n == 'e']], 'x'); hasattr(y, 'd')"
    )
    assert set(asked(ast.parse(code))) == {"a", "b", "c"}


PROSE = [
    *ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.md"), *(ROOT / "domains").rglob("*.md"),
    *PAGES[1:], *sorted((ROOT / "docs").rglob("*.py")), ROOT / "mkdocs.yml", ROOT / "Makefile",
    ROOT / "pyproject.toml", *MODULES, *EXAMPLES, *sorted((ROOT / "benchmarks").glob("*.py")),
]  # fmt: skip
"""What names modules and files: prose, and what is said in code."""
DOTTED = re.compile(r"(?<![\w/.@-])appnas(?:\.[A-Za-z_]\w*)+")
PATHS = re.compile(r"(?<![\w/.-])(?:appnas|domains|spaces|tests|examples|benchmarks|docs)/[\w./-]*+(?![<{*$])")


def resolves(name):
    """Whether a dotted name is a module, or something in one; modules that need an extra that is not here count."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("appnas"):
                return True
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("path", PROSE, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_is_named_is_there(path):
    text = path.read_text()
    missing = {name for name in DOTTED.findall(text) if not resolves(name)}
    missing |= {name for name in PATHS.findall(text) if not (ROOT / name.rstrip("./")).exists()}
    assert sorted(missing) == []


def test_names_that_are_not_there_are_seen():
    assert resolves("appnas.strategy.Evolution") and resolves("appnas.loop.pareto.front.__name__")
    assert not any(map(resolves, ["appnas.pareto", "appnas.search.search", "appnas.loop.pareto.no", "appnas.no.no"]))
    said = "`appnas.loop.front`, see appnas/loop/pareto.py, tests/methods/test_<paper>.py and 'appnas.sb3.x'."
    assert DOTTED.findall(said) == ["appnas.loop.front", "appnas.sb3.x"] and PATHS.findall(said) == [
        "appnas/loop/pareto.py"
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_everything_public_is_documented(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    kinds = (ast.FunctionDef, ast.ClassDef)
    undocumented = [
        n.name
        for n in ast.walk(tree)
        if isinstance(n, kinds) and not n.name.startswith("_") and not ast.get_docstring(n)
    ]
    nested = {
        n.name
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef)
        for n in ast.walk(f)
        if n is not f and isinstance(n, kinds)
    }
    assert not set(undocumented) - nested


@pytest.mark.parametrize("name", OPTIONS)
def test_every_setting_says_what_it_is(name):
    kind = OPTIONS[name]
    for base in (c for c in kind.__mro__ if dataclasses.is_dataclass(c)):
        source = Path(sys.modules[base.__module__].__file__).read_text()
        body = next(
            n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef) and n.name == base.__name__
        ).body
        for field, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and "ClassVar" not in ast.unparse(field.annotation):
                documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                assert documented, f"{base.__name__}.{field.target.id} has no docstring below it"


@pytest.mark.parametrize("example", [path for path in EXAMPLES if path.stem.startswith("own_")], ids=lambda p: p.stem)
def test_models_of_ones_own_take_less_than_60_lines(example):
    assert len(example.read_text().splitlines()) < 60
