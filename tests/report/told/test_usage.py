"""Use it: the lines that load, the command that repeats, and what comes next."""

import shlex

import numpy as np
import pytest
from test_findings import CONFIG, row, told

from appnas.cli import flags
from appnas.methods import METHODS
from appnas.report.told import usage
from appnas.run import catalogue
from appnas.spaces import Recurrent
from appnas.support.plain import plain

FEW = ["--evaluations", "3", "--budget", "2"]
LINES = {
    "plain": ["random", *FEW, "--space", "bench201"],
    "nested": ["evolution", *FEW, "--space", "bench201", "--space.channels", "4", "--domain.recipe.lr", "0.1",
               "--domain.limit", "64"],
    "switches": ["darts", "--order", "first", "--seed", "4", "--seeds", "2", "--rank-epochs",
                 "1", "--control"],
    "lists": ["mnasnet", *FEW, "--space", "mnas", "--space.widths", "8", "16", "--space.repeats", "1", "2",
              "--space.strides", "1", "2", "--target", "0.5"],
    "off": ["nsga2", "--no-distinct", "--space", "gnn", "--space.skip", "--domain", "graphs", "--limits",
            "macs<=1e6", "--retrain-epochs", "2", "--beside", "random", "gcn"],
    "tuned": ["random", *FEW, "--space", "bench201", "--tune", "lr=0.01,0.1"],
}  # fmt: skip


def config_of(args):
    """What a run of this command would keep, and what it asks for."""
    asked = flags.parse(args[0], args[1:])
    space = {"name": asked.space_name, "fields": plain(asked.space)}
    if asked.options.tune:
        space["tune"] = flags.tuned(asked.options.tune)
    options = plain(asked.options)
    known = {name: options[name] for name in usage.ASKED if name in options}
    domain = {"name": asked.domain_name, "options": plain(asked.domain)}
    return asked, {
        **CONFIG,
        **known,
        "method": args[0],
        "config": plain(asked.config),
        "space": space,
        "domain": domain,
    }


@pytest.mark.parametrize("name", LINES)
def test_the_command_repeats_the_run(name):
    asked, config = config_of(LINES[name])
    story = told()
    story.config.update(config)
    words = shlex.split(usage.again(story))
    assert words[:2] == ["appnas", "search"] and words[-2:] == ["--out", "again"]
    again, kept = config_of(words[2:-2])
    assert again == asked and kept == config


def test_objects_of_ones_own_are_given_by_name_in_python():
    story = told(
        domain={"name": None, "repr": "Mine"}, seeds=2, config=plain(METHODS["reinforce"].config(evaluations=7))
    )
    assert usage.again(story) == "appnas.search('bench201', domain, 'reinforce', evaluations=7, seeds=2, out='again')"
    assert "export('runs/a b', 'net', domain=domain)" in usage.load(
        told([row("found", 90)], domain={"name": None, "repr": "Mine"})
    )


def test_the_settings_of_a_named_space_are_said_in_python():
    own = {"name": None, "repr": "Mine"}
    fields = plain(Recurrent(nodes=4, hidden=24))
    story = told(domain=own, config={}, method="random")
    story.config["space"] = {"name": "recurrent", "fields": fields}
    assert usage.again(story).splitlines() == [
        "from appnas.spaces import Recurrent",
        "appnas.search(Recurrent(nodes=4, hidden=24), domain, 'random', out='again')",
    ]


def test_the_options_of_a_named_domain_are_said_in_python():
    story = told(domain={"name": "digits", "options": {"batch": 9}}, config={}, method="random")
    story.config["space"] = {"name": None, "repr": "Mine"}
    assert usage.again(story).splitlines() == [
        "# domain: digits with batch=9",
        "appnas.search(space, domain, 'random', out='again')",
    ]


def test_the_network_is_loaded_by_three_lines():
    assert usage.load(told([row("found", 90)])).splitlines()[::2] == [
        "from appnas.retrain import export, load",
        "network = load('net')  # a torch.nn.Module, trained",
    ]
    assert usage.load(told()).endswith("network = result.model()  # a torch.nn.Module, not trained yet")


def following(story):
    return " ".join(usage.following(story))


def test_what_comes_next_depends_on_what_is_missing():
    bare = told(config=plain(METHODS["reinforce"].config()))
    assert following(bare).startswith("Train what was found, beside a control: <code>appnas retrain")
    lost = told([row("found", 51), row("random", 70)])
    text = following(lost)
    assert "three trainings each" in text and "use <code>random</code>: it did better here" in text
    assert "--seeds 3" in text and "appnas export" in text
    assert "Search for longer" in following(told(cubes=[np.full((2, 6, 5), 0.2)]))
    assert "it did better here" not in following(told([row("found", 90, 91, 92), row("random", 80, 81, 82)]))


def test_every_setting_of_the_catalogue_has_words():
    for name in ("digits", "cora"):
        options = plain(catalogue.domain_entry(name).options)
        assert usage.changed(options, options) == []
    assert usage.flags([("a.b_c", False), ("d", True), ("e", ["x", "y"]), ("f", None)], "space.") == [
        "--space.a.no-b-c", "--space.d", "--space.e", "x", "y", "--space.f", "None",
    ]  # fmt: skip
