"""Use it: how what was found is loaded, the command that repeats the run, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from appnas.report import page
from appnas.report.findings import command, of_table
from appnas.report.story import Story
from appnas.report.told import aims
from appnas.report.told.checks import UNDECIDED
from appnas.retrain import best_of, difference, primary
from appnas.run import LATER, catalogue
from appnas.support import AbsentError
from appnas.support.plain import plain

ASKED = {"seed": 0, "threads": 1} | LATER
"""What a search is asked for besides its settings, with what goes without saying."""
FIELDS = {"space": ("fields", catalogue.space_entry), "domain": ("options", catalogue.domain_entry)}
"""Where a run keeps the settings of its space and domain, and what knows the usual ones."""


def block(story: Story) -> str:
    """The three of them as parts of a section; HTML."""
    parts = [("Load what was found", page.lines(load(story))), ("Repeat this run", page.lines(again(story)))]
    parts.append(("What next", "<ul>" + "".join(f"<li>{text}</li>" for text in following(story)) + "</ul>"))
    inside = "".join(f"<div><h3>{title}</h3>{text}</div>" for title, text in parts if text)
    return f"<div class=use>{inside}</div>"


def _own(story: Story, *what: str) -> str:
    """Arguments for what a run cannot make again by itself."""
    return "".join(f", {name}={name}" for name in what if story.config[name]["name"] is None)


def load(story: Story) -> str:
    """Lines of Python that end with a network."""
    run = repr(str(story.path))
    if story.rows:
        return (
            "from appnas.retrain import export, load\n"
            f"export({run}, 'net'{_own(story, 'space', 'domain')})  # weights, arch.json, ONNX\n"
            f"network = load('net'{_own(story, 'space')})  # a torch.nn.Module, trained"
        )
    result = f"import appnas\nresult = appnas.resume({run}{_own(story, 'space', 'domain')})\n"
    if of_table(story):
        return result + "network = result.space.build(result.best, io)  # io: appnas.space.IO, your sizes"
    return result + "network = result.model()  # a torch.nn.Module, not trained yet"


def again(story: Story) -> str:
    """The command that makes this run once more; in Python, where it needs objects of the user's own."""
    config = story.config
    method, space, domain = config["method"], config["space"], config["domain"]
    settings = changed(plain(catalogue.method(method).config()), config["config"])
    asked = {name: config[name] for name, usual in ASKED.items() if config.get(name, usual) != usual}
    if space["name"] is None or domain["name"] is None:
        more = {"tune": space["tune"]} if "tune" in space else {}
        given = {**dict(settings), **{k: v for k, v in asked.items() if k != "threads"}, **more}
        before, names = zip(_object(story, "space"), _object(story, "domain"), strict=True)
        return f"{''.join(before)}appnas.search({', '.join(names)}, {method!r}{_named(given)}, out='again')"
    words = ["appnas", "search", method]
    for what in FIELDS:
        words += [f"--{what}", config[what]["name"], *flags(_unusual(story, what), f"{what}.")]
    words += flags(settings) + flags(asked.items())
    words += ["--tune", *(f"{n}={','.join(map(str, v))}" for n, v in space["tune"].items())] if "tune" in space else []
    return shlex.join([*words, "--out", "again"])


def _unusual(story: Story, what: str) -> list[tuple[str, Any]]:
    """The settings of a named space or domain that are not as usual."""
    told = story.config[what]
    fields, entry = FIELDS[what]
    try:
        usual = entry(told["name"], told.get("folder", "")).options
    except AbsentError:  # code of the user's own that is gone: then all its settings are said
        usual = None
    return changed({} if usual is None else plain(usual), told[fields])


def _object(story: Story, what: str) -> tuple[str, str]:
    """What a space or a domain is in Python, and a line that goes before: where it comes from, or how it was."""
    name = story.config[what]["name"]
    if name is None:
        return "", what
    other = dict(_unusual(story, what))
    if not other:
        return "", repr(name)
    if what == "domain":
        return f"# domain: {name} with{_named(other)[1:]}\n", what
    module, _, kind = name.rpartition(":")
    kind = kind if module else catalogue.space_entry(name).kind.__name__
    return f"from {module or 'appnas.spaces'} import {kind}\n", f"{kind}({_named(other)[2:]})"


def _named(given: Mapping[str, Any]) -> str:
    return "".join(f", {name}={_python(value)}" for name, value in given.items())


def _python(value: Any) -> str:
    return repr(tuple(value) if isinstance(value, list) else value)


def changed(usual: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The settings that are not as usual, nested ones by dotted names."""
    found: list[tuple[str, Any]] = []
    for name, value in now.items():
        before = usual.get(name)
        if isinstance(value, Mapping):
            found += changed(before if isinstance(before, Mapping) else {}, value, f"{prefix}{name}.")
        elif name not in usual or value != before:
            found.append((prefix + name, value))
    return found


def flags(settings: Any, prefix: str = "") -> list[str]:
    """Settings as words of the command line."""
    words: list[str] = []
    for name, value in settings:
        parts = (prefix + name).replace("_", "-").split(".")
        if value is False:
            parts[-1] = f"no-{parts[-1]}"
        values = [] if isinstance(value, bool) else value if isinstance(value, list) else [value]
        words += ["--" + ".".join(parts), *map(str, values)]
    return words


def following(story: Story) -> Iterator[str]:
    """What to do next, the most needed first; HTML."""
    run = shlex.quote(str(story.path))
    if story.result is None:
        yield f"Let the search finish: {command(story, 'resume')}"
        return
    records, guesses = aims.guessed(story)
    if records and 2 * len(guesses) >= len(records):
        yield f"Search again with a larger {page.code('budget')}: the candidates hardly learnt anything."
    if story.main and story.main.cubes and story.main.entropies()[-1] > UNDECIDED:
        yield "Search for longer: the search had not decided yet."
    if of_table(story):
        yield f"Ask the table how good it is: {page.code('result.domain.test(result.best)')}"
        return
    if not story.rows:
        yield f"Train what was found, beside a control: {command(story, 'retrain')}"
        return
    best = best_of(story.rows)
    if best is None or len(story.rows[0].tests) < 3:
        yield f"Make sure of the difference, with three trainings each: {command(story, 'retrain')}"
    if best and difference(story.rows, best, primary(story.rows)).outcome == "lost":
        yield f"Until a search wins, use {page.code(best.name)}: it did better here."
    if story.config["seeds"] == 1:
        yield f"Search with other seeds: the command above with {page.code('--seeds 3')}"
    yield f"Hand the network over: {page.code(f'appnas export {run} --out net')}"
