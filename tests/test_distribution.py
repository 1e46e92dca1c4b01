"""What users install: a wheel and an sdist, built, checked, and run where this checkout is not."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from test_docs import blocks

ROOT = Path(__file__).parent.parent
FIRST, _ = blocks((ROOT / "README.md").read_text())[0]
WHERE = "import appnas, appnas.domains, appnas.spaces as s, importlib.metadata as m; print(appnas.__file__, s.__file__,"
WHERE += " m.version('appnas'), m.distribution('appnas').locate_file(''), sep='\\n')"

pytestmark = pytest.mark.slow


def call(*command, folder=ROOT):
    # -P and no PYTHONPATH: nothing but what is installed
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel that is built out of it."""
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def elsewhere(folder, package):
    """An environment's Python, with the package and, by a path, the packages that it needs from here."""
    call(sys.executable, "-m", "venv", "--without-pip", folder / "venv", folder=folder)
    python = folder / "venv/bin/python"
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip())
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join(here) + "\n")  # their own links, to this checkout, are not followed
    install = ("-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", "--no-build-isolation")
    call(sys.executable, *install, "--ignore-installed", package, folder=folder)
    return python, site


def test_both_hold_all_that_is_needed(built):
    sdist, wheel = built
    call(sys.executable, "-m", "twine", "check", "--strict", *built)
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "/".join(("appnas", *file.relative_to(ROOT / "appnas" if top == "appnas" else ROOT).parts))
        for top in ("appnas", "domains", "spaces")
        for file in (ROOT / top).rglob("*.py")
    }
    assert wanted <= held and "appnas/py.typed" in held
    assert any(name.startswith("appnas/encoders/") for name in held)
    assert any(name.startswith("appnas/domains/eda/files/") for name in held)
    assert not [name for name in held if name.startswith(("tests", "domains", "spaces", "benchmarks"))]
    names = tarfile.open(sdist).getnames()
    assert {name.partition("/")[2] for name in names} >= {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "domains/data_files.py",
    }


@pytest.mark.timeout(900)  # the snippet searches and trains: half a minute where the processor is free
@pytest.mark.parametrize("kind", [0, 1], ids=["sdist", "wheel"])
def test_the_first_snippet_runs_elsewhere(built, kind, tmp_path):
    python, site = elsewhere(tmp_path, built[kind])
    (foreign := tmp_path / "foreign").mkdir()
    found = call(python, "-c", WHERE, folder=foreign).split()
    assert [Path(place).is_relative_to(site) for place in (*found[:2], found[3])] == [True] * 3
    if kind:
        (foreign / "first.py").write_text(FIRST)
        assert call(python, "first.py", folder=foreign).strip()
        assert "bench201" in call(tmp_path / "venv/bin/appnas", "list", "spaces", folder=foreign)
