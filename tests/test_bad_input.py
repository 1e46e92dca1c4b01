"""Bad input: a command says in one line what is wrong and exits with 2, a call raises what names the setting.

No traceback, nothing left behind, no file changed. Damaged runs are in test_damage.py.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import signal
import time
import typing
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_damage import contents, refused, said

import appnas
from appnas.domains.graphs import Graphs
from appnas.domains.images import Images, Options
from appnas.estimate import Table
from appnas.loop import Workers
from appnas.methods import METHODS
from appnas.retrain import load
from appnas.run import catalogue
from appnas.spaces import GNN, SPACES, Bench201, Cells
from appnas.support import Tolerance
from appnas.task import Recipe

HUGE, NAME = 10**30, "x" * 300
TABLE = "search random --domain nasbenchgraph:arxiv --evaluations 3"
LEARNED = "search reinforce --domain nasbenchgraph:arxiv --evaluations 3"
EVOLVED = "search evolution --domain nasbenchgraph:arxiv --evaluations 3"


@pytest.fixture(scope="module", autouse=True)
def once():
    """The packaged table is read once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "_nasbenchgraph", functools.cache(catalogue._nasbenchgraph))
        yield


@pytest.fixture(autouse=True)
def soon():
    """A case that hangs fails, after seconds."""

    def ring(*_):
        pytest.fail("it takes longer than 20 s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An own working directory with a file and an empty and a filled folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.delenv("APPNAS_DATA", raising=False)
    (tmp_path / "file").write_text("what was here")
    (tmp_path / "hollow").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    (tmp_path / "bad.lef").write_text("VERSION 5.8 ;\nMACRO\n")
    return tmp_path


LINES = [
    # names
    ("search '' ", "there is no method ''"),
    ("search 🙂", "there is no method '🙂'"),
    (f"search {NAME}", "there is no method 'xxx"),
    ("search Darts", "did you mean 'darts'?"),
    ("search ['da\nrts']", r"there is no method"),
    ("search random --domain=", "there is no domain ''"),
    ("search random --space=", "there is no space ''"),
    ("search random --domain 🙂", "there is no domain '🙂'"),
    ("search random --domain bench201", "there is no domain 'bench201'"),
    ("search random --domain :cifar10", "there is no domain ':cifar10'"),
    ("search random --domain nasbenchgraph:nowhere", "there is no domain 'nasbenchgraph:nowhere'"),
    (f"search random --space {NAME}", "there is no space 'xxx"),
    # counts
    (f"{TABLE} --evaluations -1", "evaluations must be at least 1, got -1"),
    (f"{TABLE} --evaluations {HUGE}", "evaluations must be at most 9,223,372,036,854,775,807"),
    (f"{TABLE} --budget 0", "budget must be at least 1, got 0"),
    (f"{TABLE} --seed {HUGE}", f"got seed={HUGE}"),
    (f"{TABLE} --seeds -1", "seeds must be at least 1, got -1"),
    (f"{TABLE} --seeds {HUGE}", f"seeds={HUGE}"),
    (f"{TABLE} --workers -1", "workers must be at least 0, got -1"),
    (f"{TABLE} --workers 100000000", "workers=100000000 would only wait"),
    (f"{TABLE} --asks -1", "asks must be at least 0, got -1"),
    (f"{TABLE} --asks 4", "give workers too, got asks=4"),
    (f"{TABLE} --cluster", "give workers too, got asks=0, cluster=True"),
    (f"{TABLE} --timeout -1", "timeout is a number of seconds, 0 for no limit, got -1"),
    (f"{TABLE} --timeout nan", "timeout must be a finite number, got nan"),
    (f"{TABLE} --timeout inf", "timeout must be a finite number, got inf"),
    (f"{TABLE} --max-failures -1", "got max_failures=-1"),
    (f"{TABLE} --max-failure-share 2", "max_failure_share=2"),
    (f"{TABLE} --max-failure-share nan", "max_failure_share must be a finite number, got nan"),
    (f"{TABLE} --max-failure-share -0.1", "max_failure_share=-0.1"),
    (f"{TABLE} --threads -1", "threads must be at least 1, got -1"),
    (f"{TABLE} --threads {HUGE}", f"got {HUGE}"),
    (f"{TABLE} --retrain-epochs 3", "--retrain-epochs needs a domain with data"),
    (f"{TABLE} --rank-epochs -1", "--rank-epochs needs a domain with data"),
    # methods
    (f"{EVOLVED} --population 0", "population must be at least 1, got 0"),
    (f"{EVOLVED} --population 2 --sample 3", "got sample=3, population=2"),
    (f"{EVOLVED} --population 1000000000", "population must be at most evaluations, which is 3, got 1000000000"),
    (f"{LEARNED} --per-update 10", "per_update must be at most evaluations, which is 3, got 10"),
    (f"{LEARNED} --controller lstm --hidden 1000000000", "hidden must be at most 16,384, got 1,000,000,000"),
    (f"{LEARNED} --hidden 0", "hidden must be at least 1, got 0"),
    (f"{LEARNED} --lr nan", "lr must be at least 0, got nan"),
    (f"{LEARNED} --lr inf", "lr must be a finite number, got inf"),
    (f"{LEARNED} --entropy nan", "entropy must be at least 0, got nan"),
    (f"{LEARNED} --entropy=-inf", "entropy must be at least 0, got -inf"),
    (f"{LEARNED} --momentum 2", "momentum must be at most 1, got 2.0"),
    ("search darts --epochs 0", "epochs must be at least 1, got 0"),
    ("search darts --epochs -1", "epochs must be at least 1, got -1"),
    ("search darts --lr nan", "lr must be at least 0, got nan"),
    ("search darts --alpha-lr inf", "alpha_lr must be a finite number, got inf"),
    ("search nao --hidden 1000000000", "hidden must be at most 16,384"),
    ("search ctnas --labels 1000000000", "labels counts architectures that are held in memory"),
    ("search mnasnet --target 0", "target must be above 0, got 0"),
    ("search monas --alpha 2", "alpha must be at most 1, got 2"),
    *((f"search {name} --domain nasbenchgraph:arxiv", f"method '{name}' trains shared weights, and"
       " 'nasbenchgraph:arxiv' is a table of results; methods for it: agnn,") for name in
      ("darts", "zarts", "unas", "fewshot", "freenas")),
    ("search rl_darts --domain nasbenchgraph:arxiv", "searches while an agent trains"),
    ("search darts --domain catch", "Catch has no `batches` and `loss`"),
    ("search darts --control", "give --rank-epochs too"),
    # spaces and domains
    (f"{TABLE} --space cells", "of the space 'nasbenchgraph', got 'cells'"),
    (f"{TABLE} --space nasbenchgraph-proteins", "got 'nasbenchgraph-proteins'"),
    ("search random --space encoder", "use larger frames or fewer stages"),
    ("search random --space gnn", "the domain gives inputs of (1, 8, 8)"),
    ("search random --space.ops none nowhere", "there is no operation 'nowhere'"),
    ("search random --domain.limit 1", "the split 'valid' is empty: 1 images"),
    ("search random --domain folder", "path must be a folder"),
    ("search random --domain folder --domain.path file", "path must be a folder"),
    ("search random --domain folder --domain.path hollow", "hollow"),
    ("search random --domain text --space recurrent --domain.path nowhere", "nowhere"),
    ("search random --domain text --space recurrent --domain.path /dev/null", "train: there is no token in it"),
    ("search random --domain circuitnet --domain.path nowhere", "nowhere"),
    ("search random --domain bench201:cifar10 --domain.path file", "file/nb201.npz"),
    ("search random --domain bench201:cifar10 --domain.path nowhere", "nowhere/nb201.npz"),
    ("search random --domain gym --space cnn", "--domain.env"),
    ("search random --beside random", "give --retrain-epochs too"),
    ("search random --retrain-epochs 1 --beside=", "no choice offers ''"),
    # directories
    (f"{TABLE} --out file", "file is a file: give a directory"),
    (f"{TABLE} --out file/run", "file/run"),
    (f"{TABLE} --out taken", "taken is not empty: resume it, or give another directory"),
    (f"{TABLE} --out .", ". is not empty"),
    (f"{TABLE} --out {NAME}", "file name too long"),
    (f"{TABLE} --out /proc/run", "/proc/run"),
    (f"{TABLE} --out a\0b", r"holds a NUL character, got 'a\x00b'"),
    *((f"{command} {path}", words) for command in (
          "resume", "retrain", "report", "export --no-onnx --out net", "compare")
      for path, words in (("nowhere", "nowhere is not a run"), ("taken", "taken is not a run"), ("file", "file"),
                          (NAME, "xxx"), ("a\0b", "NUL"), ("🙂", "🙂 is not a run"))),
    ("resume nowhere --threads -1", "threads must be at least 1, got -1"),
    ("retrain nowhere --threads 0", "threads must be at least 1, got 0"),
    ("compare", "got none"),
    # bench and eda
    ("bench --spaces", "got none"),
    ("bench --spaces cellz", "did you mean 'cells'?"),
    ("bench --channels 0", "channels must be at least 1, got 0"),
    ("bench --channels 1000000000", "channels must be at most 16,777,216"),
    ("bench --cells 1000000000", "cells must be at most 1,000, got 1,000,000,000"),
    ("bench --spaces bench201 --stage-cells 1000000000", "repeats must be at most 1,000"),
    ("bench --batch 0", "batch must be at least 1, got 0"),
    (f"bench --batch {HUGE}", "batch must be at most"),
    ("bench --repeats -1", "repeats must be at least 1, got -1"),
    ("bench --domain nowhere", "there is no domain 'nowhere'"),
    ("bench --domain nasbenchgraph:arxiv", "Table has no `batches` and `loss`"),
    ("bench --spaces gnn", "use the space graphmix"),
    ("bench --spaces nasbenchgraph", "the domain gives inputs of (1, 8, 8)"),
    ("eda generate out --designs nowhere", "there is no design 'nowhere'"),
    ("eda generate out --designs=", "there is no design ''"),
    ("eda generate out --each 0", "each must be at least 1, got 0"),
    ("eda generate out --grid -1", "grid must be at least 1, got -1"),
    (f"eda generate out --grid {HUGE}", "grid must be at most 4,096"),
    ("eda generate out --jobs 1000000000", "jobs must be at most 1,024"),
    ("eda generate out --rtl nowhere.v", "nowhere.v"),
    ("eda features one.lef", "then a DEF file"),
    ("eda features one.lef two.def", "one.lef"),
    ("eda features file file", "file does not end with END LIBRARY"),
    ("eda features bad.lef file", "bad.lef"),
    ("eda features hollow hollow", "hollow"),
    ("eda features file file --grid 0", "grid must be at least 1, got 0"),
    ("eda predict nowhere a.lef b.def", "nowhere is not an export"),
    ("eda predict file a.lef b.def", "file"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "words"), LINES, ids=lambda x: ascii(x)[:60])
def test_one_line(here, line, words):
    refused(here, *("" if word == "''" else word for word in line.split(" ") if word), names=words)


FLAGS = [
    ("list --jason", "--jason"), ("search", "METHOD"), ("resume", "PATH"),
    ("export taken", "--out"), ("eda nowhere", "nowhere"), ("eda generate", "OUT"),
    (f"{TABLE} --evaluations 1.5", "'1.5'"), (f"{TABLE} --evaluations nan", "'nan'"),
    (f"{TABLE} --evaluations=", "--evaluations"), (f"{TABLE} --evaluations 1e3", "'1e3'"),
    (f"{TABLE} --evaluations", "--evaluations"), (f"{TABLE} --seed 1e400", "'1e400'"),
    (f"{TABLE} --domain.path x", "--domain.path"), (f"{TABLE} --space.hidden 3", "hidden=3"),
    (f"{LEARNED} --controller lsmt", "'lsmt'"), ("search darts extra", "extra"),
    ("search darts --order", "--order"), ("search darts --space", "--space"),
    ("search darts --space.mask 3", "--space.mask"),
    ("search darts --space.nodes 1000000000", "Cells.nodes must be at most 64, got 1,000,000,000"),
    ("search darts --space.cells 1000000000", "Cells.cells must be at most 1,000, got 1,000,000,000"),
    ("search darts --space.nodes -1", "Cells.nodes must be at least 1, got -1"),
    ("search darts --space.nodes nan", "'nan'"), ("search darts --space.drop-path nan", "drop_path"),
    ("search darts --space.drop-path 2", "Cells.drop_path must be at most 1, got 2.0"),
    ("search darts --space.threshold inf", "Cells.threshold must be a finite number, got inf"),
    ("search darts --space.ops", "got ()"), ("search darts --space.ops none", "got ('none',)"),
    ("search darts --space.ops none skip_connect skip_connect", "Cells.ops names everything once"),
    ("search darts --space.stem cifra", "'cifra'"),
    ("search random --space bench201 --space.repeats 1000000000", "Bench201.repeats must be at most 1,000"),
    ("search random --space recurrent --space.nodes 0", "Recurrent.nodes must be at least 1"),
    ("search random --space alexnet --space.layers 1000000000", "AlexNet.layers must be at most 1,000"),
    ("search random --domain.batch 0", "Options.batch must be at least 1, got 0"),
    ("search random --domain.limit -1", "Options.limit must be at least 0, got -1"),
    ("search random --domain.crop 1000000000", "Options.crop must be at most 1,024"),
    ("search random --domain.cutout 2", "cutout is a share"), ("search random --domain.valid 2", "valid is the share"),
    ("search random --domain.smoothing 2", "Options.smoothing must be at most 1, got 2.0"),
    ("search random --domain.auxiliary nan", "Options.auxiliary must be a finite number, got nan"),
    ("search random --domain.recipe.lr inf", "Recipe.lr must be a finite number, got inf"),
    ("search random --domain.recipe.momentum -1", "Recipe.momentum must be at least 0"),
    ("search random --domain.recipe.optimiser adan", "'adan'"), ("retrain taken --epochs nan", "--epochs"),
    ("search random --domain.nowhere 3", "--domain.nowhere"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "words"), FLAGS, ids=lambda x: ascii(x)[:60])
def test_wrong_flags(here, line, words):
    before = contents(here)
    code, err = said(*line.split())
    assert code == 2 and "Traceback" not in err and "--help" in err
    assert words in " ".join(err.replace("│", " ").split())
    assert contents(here) == before


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_directories_without_permission(here):
    (here / "hollow").chmod(0o500)
    refused(here, *TABLE.split(), "--out", "hollow/run", names="hollow/run")
    (here / "hollow").chmod(0o700)


def test_runs_of_another_kind(here):
    """A table's run has no weights to train or to export, an export is no run."""
    assert said(*TABLE.split(), "--out", "run")[0] == 0
    for command, words in [
        ("retrain run --epochs 1", "table"), ("export run --no-onnx --out net", "run"),
        ("compare run", "not retrained"),
        ("report run/history.jsonl", "history.jsonl"),
        ("eda predict run a.lef b.def", "run is not an export"), (f"{TABLE} --out run", "run is not empty"),
        ("resume run/config.json", "config.json"), ("resume run --threads 1000000000", "threads"),
    ]:  # fmt: skip
        refused(here, *command.split(), names=words)


KINDS = {
    **{f"config of {name}": entry.config for name, entry in METHODS.items()},
    **{f"space {name}": kind for name, kind in SPACES.items()},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_checked(kind):
    """Whatever the dataclass: numbers are finite and of 64 bits, and of the type that the field says."""
    hints = typing.get_type_hints(KINDS[kind])
    wrong = {int: (HUGE, "3", 1.5, None), float: (float("nan"), float("inf"), "1", None), str: (3,), bool: ("x", 1)}
    for field in dataclasses.fields(KINDS[kind]):
        for value in wrong.get(hints[field.name], ()):
            with pytest.raises((ValueError, TypeError), match=field.name):
                KINDS[kind](**{field.name: value})


X, Y = np.zeros((12, 8, 8), "float32"), np.arange(12) % 3
ROWS = [(0,), (1,)]


def images(**more):
    given = {"x": X, "y": Y, "test_x": X, "test_y": Y, "options": Options(batch=4, crop=0)} | more
    return Images(*given.values())


def graph(**more):
    x, y = torch.eye(9), torch.arange(9) % 3
    return Graphs(SimpleNamespace(**({"x": x, "y": y, "edge_index": torch.tensor([[0, 1, 2], [1, 2, 3]])} | more)))


def short(*args, **more):
    return appnas.search(*args, **({"method": "random", "evaluations": 1, "budget": 1} | more))


CALLS = {
    "class of a space": (lambda: short(Cells, "digits"), "the space is the class Cells: give an instance"),
    "module as a space": (lambda: short(torch.nn.ReLU, "digits"), r"torch module ReLU: .* appnas.space_of\(ReLU"),
    "module built": (lambda: short(torch.nn.ReLU(), "digits"), "the space is the torch module ReLU: mark its cho"),
    "class of a domain": (lambda: short("cells", Images), "the domain is the class Images: give an instance"),
    "no space": (lambda: short(None, "digits"), "space"),
    "a number as space": (lambda: short(3, "digits"), "space"),
    "no domain": (lambda: short("cells", None), "a Domain .* got NoneType"),
    "a list as domain": (lambda: short("cells", [1, 2]), "a Domain .* got list"),
    "no method": (lambda: short("cells", "digits", None), "method"),
    "a number as method": (lambda: short("cells", "digits", 3), "method"),
    "class of a config": (lambda: short("cells", "digits", config=METHODS["random"].config), "configuration of method"),
    "config of another method": (lambda: short("cells", "digits", config=METHODS["darts"].config()), "configuration"),
    "unknown setting": (lambda: short("cells", "digits", epoch=1), "no setting of 'random' 'epoch'"),
    "evaluations as text": (lambda: short("cells", "digits", evaluations="3"), "evaluations must .* integer, got '3'"),
    "evaluations of none": (lambda: short("cells", "digits", evaluations=None), "evaluations must"),
    "half an evaluation": (lambda: short("cells", "digits", evaluations=1.5), "evaluations must .* integer, got 1.5"),
    "evaluations as flag": (lambda: short("cells", "digits", evaluations=True), "evaluations must .* integer"),
    "seed as text": (lambda: short("cells", "digits", seed="0"), "seed must be an integer, got '0'"),
    "seed of NaN": (lambda: short("cells", "digits", seed=float("nan")), "seed must be an integer, got nan"),
    "seeds of half": (lambda: short("cells", "digits", seeds=1.5), "seeds must be an integer, got 1.5"),
    "workers as text": (lambda: short("cells", "digits", workers="2"), "workers must be an integer, got '2'"),
    "timeout as text": (lambda: short("cells", "digits", timeout="2"), "timeout must be a number, got '2'"),
    "timeout of none": (lambda: short("cells", "digits", timeout=None), "timeout must be a number, got None"),
    "max_failures of none": (lambda: short("cells", "digits", max_failures=None), "max_failures must be an integer"),
    "beside as text": (lambda: short("cells", "digits", beside="random", retrain_epochs=1), "beside"),
    "out as number": (lambda: short("cells", "digits", out=3), "out"),
    "resume of none": (lambda: appnas.resume(None), "path"),
    "resume of nothing": (lambda: appnas.resume("nowhere"), "nowhere is not a run"),
    "load of nothing": (lambda: load("nowhere"), "nowhere"),
    "load of a file": (lambda: load(__file__), "test_bad_input"),
    "no architectures": (lambda: Table([], {"a": []}, "a"), "got"),
    "no column": (lambda: Table(ROWS, {"a": [1, 2]}, "b"), r"columns \['a'\], got \['b'\]"),
    "short column": (lambda: Table(ROWS, {"a": [1]}, "a"), "one number for each of 2"),
    "column of none": (lambda: Table(ROWS, {"a": None}, "a"), "'a'"),
    "columns of none": (lambda: Table(ROWS, None, "a"), "columns"),
    "text in a column": (lambda: Table(ROWS, {"a": [1, "x"]}, "a"), "row 1 of 'a'"),
    "infinity in a column": (lambda: Table(ROWS, {"a": [1, float("inf")]}, "a"), "row 1 of 'a' is inf"),
    "negative option": (lambda: Table([(0,), (-1,)], {"a": [1, 2]}, "a"), "row 1: an architecture"),
    "text as architecture": (lambda: Table([(0,), "x"], {"a": [1, 2]}, "a"), "row 1: an architecture"),
    "an architecture twice": (lambda: Table([(0,), (0,)], {"a": [1, 2]}, "a"), "rows 0 and 1"),
    "missing of none": (lambda: Table(ROWS, {"a": [1, 2]}, "a", missing=None), "missing"),
    "images of none": (lambda: images(x=None), r"takes arrays, got NoneType; data sets .* go to Images\.of"),
    "images without pixels": (lambda: images(x=X[:0], y=Y[:0]), "image"),
    "images of one dimension": (lambda: images(x=X[:, 0, 0]), "image"),
    "fewer labels": (lambda: images(y=Y[:-1]), "label"),
    "labels of halves": (lambda: images(y=Y + 0.5), "label"),
    "labels of two kinds": (lambda: images(y=["a", "b", 3] * 4), "labels are of one kind"),
    "negative labels": (lambda: images(y=Y - 1), "label"),
    "NaN in images": (lambda: images(x=X * np.nan), "NaN|finite"),
    "images of text": (lambda: images(x=X.astype(str)), "image|number"),
    "other test images": (lambda: images(test_x=X[:, :4]), "test"),
    "options as dictionary": (lambda: images(options={"batch": 4}), "options"),
    "class of options": (lambda: images(options=Options), "options"),
    "recipe as number": (lambda: Options(recipe=3), "Options.recipe must be a Recipe, got 3"),
    "lr as text": (lambda: Recipe(lr="fast"), "Recipe.lr must be a number, got 'fast'"),
    "graph of none": (lambda: Graphs(None), "graph|Data"),
    "graph without edges": (lambda: graph(edge_index=None), "edge_index"),
    "edges of floats": (lambda: graph(edge_index=torch.zeros(2, 3)), "edge_index"),
    "edges to nowhere": (lambda: graph(edge_index=torch.full((2, 3), 99)), "edges join the nodes 0 to 8, found 99"),
    "edges of three": (lambda: graph(edge_index=torch.zeros(3, 3, dtype=torch.long)), "edge_index"),
    "features of no matrix": (lambda: graph(x=torch.ones(9)), "x"),
    "fewer labels of nodes": (lambda: graph(y=torch.arange(4)), "y"),
    "infinite labels of nodes": (lambda: graph(y=1.5 / (torch.arange(9) % 3)), "rows of y hold NaN .* or infinity"),
    "one class of nodes": (lambda: graph(y=torch.zeros(9, dtype=torch.long)), "of class 0: there is nothing to tell"),
    "ops as text": (lambda: Cells(ops="none"), "Cells.ops must be a tuple, got 'none'"),
    "layers of a graph": (lambda: GNN(layers=0), "layers must be at least 2, got 0"),
    "channels of none": (lambda: Bench201(channels=None), "Bench201.channels must be an integer, got None"),
    "no workers": (lambda: Workers(0), "got workers=0"),
    "workers of none": (lambda: Workers(None), "workers must be an integer, got None"),
    "text as workers": (lambda: Workers("2"), "workers must be an integer, got '2'"),
    "timeout of workers": (lambda: Workers(1, timeout=float("nan")), "timeout"),
    "share of failures": (lambda: Tolerance(1, float("nan")), "max_failure_share=nan"),
    "failures of none": (lambda: Tolerance(None), "max_failures must be an integer, got None"),
    "own space without choices": (lambda: short(SimpleNamespace(), "digits"), "choices"),
    "own domain without data": (lambda: short("cells", SimpleNamespace()), "SimpleNamespace"),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_calls(here, call):
    run, words = CALLS[call]
    before, start = contents(here), time.process_time()
    with pytest.raises((ValueError, TypeError, OSError), match=words):
        run()
    assert contents(here) == before and time.process_time() - start < 10
