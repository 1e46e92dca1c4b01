"""What the site has besides the pages in docs/: a page a method, the reference, examples, results, the gallery.

A hook of MkDocs (`hooks` in mkdocs.yml). Pages link to files of the repository by relative paths, which work where the
repository is read; `linked` turns these links to the pages that the files have on the site.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "build" / "gallery"
"""Where docs/scripts/gallery.py has put its reports."""
COPIES = {
    "benchmarks/RESULTS.md": "results.md",
    "benchmarks/SPEED.md": "speed.md",
    "benchmarks/pictures/nasbenchgraph.png": "pictures/nasbenchgraph.png",
    "domains/eda/files/PLACEMENTS.md": "fields/placements.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Files of the repository and where they stand on the site."""
WIDE = ("methods/index.md", "spaces.md", "domains.md", "choosing/method.md", "results.md")
"""Pages whose tables want the room of the list of headings."""
ROOMS = {
    "The front door": ["appnas"],
    "Fields": ["appnas.spaces", "appnas.domains"],
    "The core": ["space", "supernet", "picked", "task", "strategy", "estimate", "one_shot", "loop", "prune", "agent"],
    "Around it": ["cost", "predict", "compute", "run", "retrain", "report", "testing", "support"],
}
LINK = re.compile(r"(?<=\]\()(\.\.?/[^)#\s]*|[\w.-]+\.(?:md|png|py))(#[^)\s]*)?(?=\))")


def methods() -> dict[str, Any]:
    """The catalogue."""
    from appnas.methods import METHODS

    return METHODS


def settings(kind: type) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, default and meaning of every field of a dataclass, the bases' first, as `--help` has them."""
    said: dict[str, tuple[str, str]] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            said |= documented(base)
    for field in dataclasses.fields(kind):
        default = "" if field.default is dataclasses.MISSING else repr(field.default)
        yield field.name, *said[field.name][:1], default, said[field.name][1]


def documented(kind: type) -> dict[str, tuple[str, str]]:
    """Type and docstring of the fields that a class itself has."""
    source = Path(inspect.getfile(kind)).read_text()
    tree = next(n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef) and n.name == kind.__name__)
    return {
        ast.unparse(field.target): (ast.unparse(field.annotation), " ".join(text.value.value.split()))
        for field, text in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def code(text: str) -> str:
    """Code in a table."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def use(name: str, table: str) -> str:
    """When to use a method: the last column of its row."""
    row = next(line for line in table.splitlines() if line.startswith(f"| `{name}` |"))
    return row.strip("| ").split(" | ")[-1]


RESULTS = {
    "darts": "DARTS", "zarts": "ZARTS", "unas": "UNAS", "radars": "RADARS", "two_temperature": "two temperatures",
    "freenas": "FreeNAS", "rlnas": "RLNAS", "fewshot": "few-shot NAS", "gcn_fit": "GCN-fit",
    "ctnas": "CTNAS", "nao": "NAO",
    "mnasnet": "MnasNet", "monas": "MONAS", "agnn": "AGNN", "rl_darts": "RL-DARTS", "routability": "routability",
    "random": "random, evolution, REINFORCE", "evolution": "random, evolution, REINFORCE",
    "reinforce": "random, evolution, REINFORCE", "hyperband": "Hyperband, ASHA", "zerocost": "zero-cost proxies",
    "nsga2": "MONAS", "local_search": "NAO", "bananas": "", "optuna": "",
}  # fmt: skip
"""The row of `At a glance` in benchmarks/RESULTS.md that a method stands in, as itself or as the rival."""


def measured(name: str, results: str) -> list[str]:
    """The rows of a method's results in the summary of all, as lists."""
    glance = results[results.index("\n## At a glance\n") :].split("\n## ")[1]
    head, _, *rows = [re.split(r" \| ", line.strip("| ")) for line in glance.splitlines() if line.startswith("| ")]
    said = []
    for row in rows:
        if RESULTS[name] and re.fullmatch(rf"{RESULTS[name]}( (on|in) .+)?", row[0]):
            said += [
                f"**{row[0]}**",
                "",
                *(f"- {what}: {text}" for what, text in zip(head[1:], row[1:], strict=True)),
                "",
            ]
    return said or ["No row of the results is its own; where it stands beside others, it is named there.", ""]


def method_page(name: str) -> str:
    """Paper, equations, settings, when to use it, and its results."""
    method = methods()[name]
    module = inspect.getmodule(method.search)
    first, _, rest = inspect.cleandoc(module.__doc__ or "").partition("\n\n")
    paper = re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", method.paper)
    results, table = (ROOT / path for path in ("benchmarks/RESULTS.md", "docs/methods/index.md"))
    rows = [f"| {code(a)} | {code(b)} | {code(c)} | {cell(d)} |" for a, b, c, d in settings(method.config)]
    return "\n".join([
        f"# {name}", "", f"{paper}", "", f"**When to use it:** {use(name, table.read_text())}.", "",
        f"Strategy: {method.strategy}. Estimation: {method.estimation}. Needs: {method.needs}.", "",
        "## What it does", "", first, "", rest, "",
        "## What was measured", "", *measured(name, results.read_text()),
        "All rows, seeds and what did not hold: [results](../results.md).", "",
        "## Settings", "",
        f"Keywords of `appnas.search(space, domain, {name!r}, ...)`, and flags: `appnas search {name} --help`.", "",
        "| setting | type | default | what |", "| --- | --- | --- | --- |", *rows, "",
        f"In code: `{module.__name__}.{method.config.__name__}`.", "",
    ])  # fmt: skip


def reference() -> dict[str, dict[str, str]]:
    """Pages of the reference by their sections: title -> module."""
    full = {name: name if name.startswith("appnas") else f"appnas.{name}" for names in ROOMS.values() for name in names}
    return {section: {name.removeprefix("appnas."): full[name] for name in names} for section, names in ROOMS.items()}


def example_page(path: Path) -> str:
    """An example, its first sentence as the title."""
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    return f"# {path.stem}\n\n{said.split(chr(10) * 2)[0]}\n\n```python\n{path.read_text()}```\n"


def generated() -> dict[str, str | Path]:
    """Pages and files that are not in docs/: where they stand, and their text or where they are."""
    pages: dict[str, str | Path] = {to: ROOT / path for path, to in COPIES.items()}
    pages |= {f"methods/{name}.md": method_page(name) for name in methods()}
    for names in reference().values():
        pages |= {f"reference/{title}.md": f"# {name}\n\n::: {name}\n" for title, name in names.items()}
    pages |= {f"examples/{path.stem}.md": example_page(path) for path in sorted((ROOT / "examples").glob("*.py"))}
    return pages | {f"gallery/{path.name}": path for path in sorted(GALLERY.glob("*.*"))}


def shown(gallery: Path) -> str:
    """The gallery's entries: of every report that is there a title, a picture and a link."""
    import runpy

    said = []
    for name, made in runpy.run_path(str(ROOT / "docs" / "scripts" / "gallery.py"))["REPORTS"].items():
        if (gallery / f"{name}.html").exists():
            picture = f"[![{name}](gallery/{name}.png)](gallery/{name}.html)\n\n"
            picture = picture if (gallery / f"{name}.png").exists() else ""
            said.append(f"## {name.title()}\n\n{made.__doc__}\n\n{picture}[The report](gallery/{name}.html)\n")
    return "\n".join(said)


def site_name(path: str) -> str | None:
    """Where a file of the repository stands on the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.startswith("examples/") and path.endswith(".py"):
        return path.removesuffix(".py") + ".md"
    return COPIES.get(path)


def linked(text: str, source: str, page: str) -> str:
    """A page's text with its links to files of the repository as links to pages.

    Args:
        text: Markdown.
        source: the file that it comes from, from the repository's root.
        page: where it stands on the site.
    """

    def to(match: re.Match[str]) -> str:
        path, anchor = match[1], match[2] or ""
        name = site_name(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        return posixpath.relpath(name, posixpath.dirname(page) or ".") + anchor if name else match[0]

    return LINK.sub(to, text)


def on_startup(command: str, dirty: bool) -> None:
    """A copy of the package as it is imported, which the reference is read from."""
    package = ROOT / "build" / "package"
    shutil.rmtree(package, ignore_errors=True)
    for name, to in {"appnas": "", "domains": "domains", "spaces": "spaces"}.items():
        ignored = shutil.ignore_patterns("__pycache__", "files")
        shutil.copytree(ROOT / name, package / "appnas" / to, ignore=ignored, dirs_exist_ok=True)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation of what is generated."""
    sections = {next(iter(part)): part for part in config.nav or [] if isinstance(part, dict)}
    pages = [{section: [f"reference/{title}.md" for title in names]} for section, names in reference().items()]
    sections["Reference"]["Reference"] = pages
    sections["Examples"]["Examples"] = [f"examples/{path.stem}.md" for path in sorted((ROOT / "examples").glob("*.py"))]
    sections["Results"]["Results"] = ["results.md", "speed.md", "fields/placements.md", "contributing.md"]
    catalogue = sections["Catalogue"]["Catalogue"]
    catalogue[0] = {"Methods": ["methods/index.md", *(f"methods/{name}.md" for name in methods())]}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is generated."""
    from mkdocs.structure.files import File

    for name, made in generated().items():
        more = {"content": made} if isinstance(made, str) else {"abs_src_path": str(made)}
        files.append(File.generated(config, name, **more))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to files become links to pages; names of methods in their table, too."""
    uri = page.file.src_uri
    source = next((path for path, to in COPIES.items() if to == uri), f"docs/{uri}")
    text = linked(markdown, source, uri)
    if uri in WIDE:
        page.meta["hide"] = ["toc"]
    if uri == "methods/index.md":
        text = re.sub(r"^\| `(\w+)` \|", r"| [`\1`](\1.md) |", text, flags=re.MULTILINE)
    return text.replace("<!-- gallery -->", shown(GALLERY))


def fetched(html: str) -> list[str]:
    """What a page loads from other hosts by itself."""
    return re.findall(r'<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)="((?:https?:)?//[^"]+)"', html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuses a page that loads something from another host."""
    from mkdocs.exceptions import PluginError

    if found := fetched(output):
        raise PluginError(f"{page.file.src_uri} must load nothing from other hosts, it loads {', '.join(found)}")
    return output
