"""The package: its list, its mapped names, the price of importing it."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def python(code, **more):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **more)


def test_the_package_list_is_the_tree():
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    found = {
        ".".join(("appnas", *p.parent.relative_to(ROOT / "appnas").parts))
        for p in (ROOT / "appnas").rglob("__init__.py")
    }
    mapped = {
        ".".join(("appnas", *p.parent.relative_to(ROOT).parts))
        for folder in ("domains", "spaces")
        for p in (ROOT / folder).rglob("__init__.py")
    }
    assert listed == found | mapped


def test_the_bare_names_cannot_be_imported():
    for name in ("domains", "spaces"):
        result = python(f"import {name}", cwd=ROOT)
        assert result.returncode == 1
        assert f"ImportError: import appnas.{name}, not '{name}'" in result.stderr


def test_import_is_cheap():
    """As a share of torch's own import, in one process: seconds depend on what else the machine does.

    Without the garbage collector, whose turn, a quarter of the time, falls to the one or the other.
    """
    now = "t.append(time.process_time())"
    measure = f"import gc, time; gc.disable(); t = []; {now}; import torch; {now}; import appnas; {now}; print(*t)"
    times = [[float(word) for word in python(measure).stdout.split()] for _ in range(3)]
    assert min((end - torchs) / (torchs - start) for start, torchs, end in times) <= 0.35


def test_heavy_packages_wait_until_they_are_needed():
    heavy = [
        "sklearn",
        "networkx",
        "matplotlib",
        "tensorboard",
        "onnx",
        "onnxruntime",
        "tyro",
        "mlxtend",
        "pandas",
        "datasets",
        "PIL",
        "stable_baselines3",
        "gymnasium",
        "procgen",
    ]
    result = python(f"import sys, appnas; print([name for name in {heavy} if name in sys.modules])")
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_every_extra_is_in_all():
    extras = PROJECT["project"]["optional-dependencies"]
    everything = extras["all"][0]
    inside = everything[everything.index("[") + 1 : everything.index("]")].split(",")
    assert set(inside) == set(extras) - {"all", "dev", "docs", "procgen"}  # whose numpy is not the others'
    pins = {name: {word for word in listed if word.startswith("numpy")} for name, listed in extras.items()}
    assert {name for name, found in pins.items() if found} == {"procgen"}


def test_the_version_is_one():
    from importlib.metadata import version

    import appnas

    assert appnas.__version__ == PROJECT["project"]["version"] == version("appnas")


def test_a_clone_named_like_the_package_hands_it_on(tmp_path):
    """A script beside it finds the package, installed or not."""
    (tmp_path / "appnas").symlink_to(ROOT)
    code = "import appnas, appnas.domains; print(appnas.__version__, 'digits' in appnas.domains.DOMAINS)"
    for flags in ([], ["-S"]):
        done = subprocess.run(
            [sys.executable, *flags, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == [PROJECT["project"]["version"], "True"], done.stderr
