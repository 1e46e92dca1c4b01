"""What the command says at once: without torch, and without a traceback."""

import subprocess
import sys

import pytest

from appnas.cli import app, main
from appnas.cli.quick.output import COMMANDS
from appnas.cli.quick.start import version

HEAVY = ("torch", "numpy", "torch_geometric", "stable_baselines3", "gymnasium", "matplotlib", "networkx")


def modules(code):
    """What is imported of the heavy packages after some code, in a process of its own."""
    asked = f"import sys; {code}; print(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return done.stderr.split(), done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("--help", "completion"),
        ("list", "darts"),
        ("list methods graph", "agnn"),
        ("list --json", '"log10_size"'),
        ("--version", "torch 2"),
    ],
)
def test_the_quick_commands_import_nothing_heavy(args, said):
    found, out = modules(f"from appnas.cli import main; assert main({args.split()}) == 0")
    assert found == [] and said in out


def test_a_mistyped_command_imports_nothing_heavy():
    asked = [sys.executable, "-m", "appnas.cli", "serch"]
    done = subprocess.run([*asked[:1], "-X", "importtime", *asked[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "did you mean 'search'" in done.stderr and "| torch\n" not in done.stderr


def test_imports_are_lazy():
    assert modules("import appnas, appnas.methods, appnas.spaces, appnas.domains")[0] == []
    found, _ = modules("import appnas.spaces; appnas.spaces.SPACES['cells']; appnas.spaces.GNN")
    assert "torch" in found and not {"torch_geometric", "stable_baselines3", "gymnasium"} & {*found}


def test_every_command_is_listed():
    assert [*app.COMMANDS] == [name for name in COMMANDS if name not in ("list", "show", "completion")]


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"]])
def test_the_help_names_every_command(args, capsys):
    assert main(args) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)


def test_the_version_names_what_results_depend_on(capsys):
    assert main(["--version"]) == 0 and main(["-V"]) == 0
    assert capsys.readouterr().out.splitlines() == [version()] * 2 and version().startswith("appnas 0.")
