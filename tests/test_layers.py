"""Who may import whom, and how long a file may be."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FRONT = {"api", "catalogue", "cli", "export", "named", "report", "start", "testing"}
"""What names spaces, domains and methods, and is not imported by the rest of the core."""


def files(folder):
    return sorted(p for p in (ROOT / folder).rglob("*.py"))


def imports(path):
    """Every absolute module that a file imports, with imported names appended (they may be modules)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path):
    return {name for name in imports(path) if name.split(".")[0] == "appnas"}


def under(names, *prefixes):
    return {n for n in names if any(n == p or n.startswith(p + ".") for p in prefixes)}


def core():
    for path in files("appnas"):
        part = path.relative_to(ROOT / "appnas").parts[0].removesuffix(".py")
        if part not in FRONT | {"__init__", "methods"}:
            yield path


@pytest.mark.parametrize("path", list(core()), ids=lambda p: p.stem)
def test_the_core_imports_no_domain_space_or_method(path):
    front = [f"appnas.{name}" for name in FRONT - {"report", "testing"}]  # Result.report() reaches the report
    assert not under(ours(path), "appnas.domains", "appnas.spaces", "appnas.methods", *front)


@pytest.mark.parametrize("path", files("appnas/methods"), ids=lambda p: p.stem)
def test_a_method_imports_no_domain_and_no_concrete_space(path):
    assert not under(ours(path), "appnas.domains", "appnas.spaces")


@pytest.mark.parametrize("path", files("spaces"), ids=lambda p: p.stem)
def test_a_space_imports_only_what_spaces_are_made_of(path):
    allowed = under(
        ours(path),
        "appnas.supernet.fused",
        "appnas.support.settings",
        "appnas.space",
        "appnas.supernet",
        "appnas.spaces",
    )
    assert ours(path) == allowed


@pytest.mark.parametrize("path", files("domains"), ids=lambda p: p.stem)
def test_a_domain_imports_neither_spaces_nor_methods(path):
    assert ours(path) == under(
        ours(path),
        "appnas.support.settings",
        "appnas.space.IO",
        "appnas.support.files",
        "appnas.task.training",
        "appnas.domains",
    )


@pytest.mark.parametrize("folder", ["appnas", "domains", "spaces", "examples", "benchmarks", "tests"])
def test_nobody_imports_the_bare_names(folder):
    for path in files(folder):
        assert not under(set(imports(path)), "domains", "spaces"), path


@pytest.mark.parametrize("folder", ["appnas", "domains", "spaces", "examples", "benchmarks"])
def test_files_stay_short(folder):
    lengths = {str(path): len(path.read_text().splitlines()) for path in files(folder)}
    assert lengths and max(lengths.values()) <= 300, max(lengths, key=lengths.get)


def test_every_module_has_its_test():
    modules = [*files("appnas/methods"), *files("spaces"), *files("domains"), *files("appnas")]
    names = {p.stem for p in modules if not p.stem.startswith("__")}
    tests = {p.stem.removeprefix("test_") for p in files("tests")}
    packages = {"testing"}
    inside = {p.stem for p in files("appnas/testing")}  # tested together, by the suites' own faults
    assert names - inside - packages - tests == set()
