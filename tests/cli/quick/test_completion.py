"""The scripts that shells complete by, tried in bash."""

import shutil
import subprocess

import pytest

from appnas.cli.quick.completion import script


@pytest.fixture(scope="module")
def bash(tmp_path_factory):
    """What bash completes of some words."""
    if not shutil.which("bash"):
        pytest.skip("no bash here")
    file = tmp_path_factory.mktemp("shell") / "appnas.bash"
    file.write_text(script("bash"))

    def completed(*words):
        code = f'source {file}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _appnas; echo "${{COMPREPLY[*]}}"'
        done = subprocess.run(["bash", "-c", code, "_", *words], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.split()

    return completed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("appnas se", ["search"]),
        ("appnas search da", ["darts"]),
        ("appnas search darts --alpha-l", ["--alpha-lr"]),
        ("appnas search darts --lr 3 --timeo", ["--timeout"]),
        ("appnas search darts --space bench", ["bench201"]),
        ("appnas search darts --domain bench201:cifar1", ["bench201:cifar10", "bench201:cifar100"]),
        ("appnas list me", ["methods"]),
        ("appnas show space cel", ["cells"]),
        ("appnas retrain run --epo", ["--epochs"]),
        ("appnas export run --no-o", ["--no-onnx"]),
        ("appnas eda generate --gr", ["--grid", "--graphs"]),
    ],
)
def test_bash_completes(bash, words, expected):
    assert bash(*words.split()) == expected


def test_other_shells():
    assert script("zsh").startswith("autoload") and "complete -o default -F _appnas appnas" in script("zsh")
    fish = script("fish")
    assert "complete -c appnas -l space -x -a 'cells" in fish and "__fish_seen_subcommand_from darts" in fish
