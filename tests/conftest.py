"""Shared fixtures: one torch thread, small spaces and domains."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import networkx as nx
import pytest
import torch
from chip_examples import on_nets
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils import backend_registration

from appnas.cost.timing import machine
from appnas.domains.eda import Routability
from appnas.domains.graphs import Graphs
from appnas.domains.graphs.domain import Options as GraphOptions
from appnas.domains.images import Images, Options
from appnas.domains.text import Options as TextOptions
from appnas.domains.text import Text
from appnas.domains.text.data import corpus
from appnas.domains.text.domain import RECIPE
from appnas.space import IO, Arch, Choice, Gates, Mask, allowed, argmax, only
from appnas.spaces import Bench201, Cells
from appnas.spaces.parts import sequence
from appnas.supernet import Mixed, live_options
from appnas.task import Recipe, fit

torch.set_num_threads(1)
os.environ.setdefault("APPNAS_PROGRESS", "0")  # on a busy machine any test may take long
pytest.register_assert_rewrite("appnas.testing")
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what it starts in the background


def pytest_report_header() -> str:
    return f"machine: {machine()}"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, or a skip."""
    folder = os.environ.get("APPNAS_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("APPNAS_DATA does not name a folder")
    return Path(folder)


@pytest.fixture(scope="session")
def digits() -> Images:
    """A small, fast image domain: 300 training and 200 test digits, 8x8."""
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8).astype("float32")
    return Images(x[:300], y[:300], x[300:500], y[300:500], Options(batch=32, crop=1, flip=False))


@pytest.fixture(scope="session")
def catch():
    """A small agent that catches a ball: 12 x 12 pixels, an iteration of 64 steps."""
    pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")
    from appnas.domains.rl import Catch, CatchOptions

    return Catch(CatchOptions(envs=4, rollout=16, batch=32, epochs=2, episodes=8, side=12))


@pytest.fixture(scope="session")
def cells() -> Cells:
    """The DARTS space, tiny."""
    return Cells(channels=2, cells=3, width=2, depth=3, auxiliary=False)


@pytest.fixture(scope="session")
def bench201() -> Bench201:
    """The NAS-Bench-201 space, tiny."""
    return Bench201(channels=2, repeats=1)


@dataclass(frozen=True)
class Chain:
    """Smooth operations on vectors, one layer after the other: a space without images and without batch norms."""

    layers: int = 2
    width: int = 4
    mask: Mask | None = None

    @property
    def choices(self) -> tuple[Choice, ...]:
        return (Choice("layer", ("none", "skip", "tanh", "sigmoid", "linear"), self.layers, "layer"),)

    def valid(self, arch: Arch) -> bool:
        return len(arch) == self.layers and allowed(self.mask, arch)

    def discretise(self, gates: Gates) -> Arch:
        return argmax(gates)

    def graph(self, arch: Arch) -> dict[str, nx.DiGraph]:
        return {"chain": sequence(self.choices[0].options[k] for k in arch)}

    def supernet(self, io: IO, mask: Mask | None = None) -> nn.Module:
        return ChainNetwork(self, io, mask or self.mask)

    def build(self, arch: Arch, io: IO) -> nn.Module:
        return ChainNetwork(self, io, only(self.choices, arch))


class ChainNetwork(nn.Module):
    def __init__(self, space: Chain, io: IO, mask: Mask | None):
        super().__init__()
        rows = [None] * space.layers if mask is None else mask[0].tolist()
        (choice,) = space.choices
        self.first = nn.Linear(io.inputs[0], space.width)
        self.layers = nn.ModuleList(Mixed(choice.options, lambda o: self.operation(o, space.width), r) for r in rows)
        self.last = nn.Linear(space.width, io.outputs[0])

    @staticmethod
    def operation(option: str, width: int) -> nn.Module:
        after = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "linear": nn.Identity}
        return nn.Identity() if option == "skip" else nn.Sequential(nn.Linear(width, width), after[option]())

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        x = self.first(x)
        for i, layer in enumerate(self.layers):
            row = None if gates is None else gates[0][..., i, :]
            used = None if gates is None else live_options(gates[0])[i]
            y = layer(x, row, used)
            x = torch.zeros_like(x) if y is None else y
        return self.last(x)


class Regression:
    """y = sin(2 x_1) + x_2 x_3 ; 48 points to train on, 24 to validate, 24 held out."""

    io = IO((3,), (1,))

    def __init__(self, batch: int = 8):
        rng = torch.Generator().manual_seed(7)
        x = torch.randn(96, 3, generator=rng)
        y = torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:]
        self.batch = batch
        self.splits = {"train": (x[:48], y[:48]), "valid": (x[48:72], y[48:72]), "all": (x[:72], y[:72])}
        self.held_out = x[72:], y[72:]

    def epoch(self, split: str) -> int:
        return len(self.split(split)[0]) // self.batch

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        if name not in self.splits:
            raise ValueError(f"the splits are {sorted(self.splits)}, got {name!r}")
        return self.splits[name]

    def batches(self, split: str, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        x, y = self.split(split)
        for part in torch.randperm(len(x), generator=rng).split(self.batch):
            yield x[part], y[part]

    def loss(self, model: Callable[..., Any], batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        return (model(x) - y).pow(2).squeeze(1)

    def fit(self, model: nn.Module, budget: int, *, final: bool = False, seed: int = 0, **more: Any) -> None:
        split, recipe = "all" if final else "train", Recipe(lr=0.05, clip=0.0)
        fit(model, self, split, self.loss, budget, recipe, seed, **more)

    @torch.no_grad()
    def score(self, model: nn.Module) -> dict[str, float]:
        return {"value": -float(self.loss(model, self.splits["valid"]).mean())}

    @torch.no_grad()
    def test(self, model: nn.Module) -> dict[str, float]:
        return {"mse": float(self.loss(model, self.held_out).mean())}

    def example(self, count: int) -> tuple[Tensor]:
        return (self.splits["train"][0][:count],)


@pytest.fixture(scope="session")
def chain() -> Chain:
    """A smooth space on vectors."""
    return Chain()


@pytest.fixture(scope="session")
def regression() -> Regression:
    """A domain on vectors that trains in milliseconds."""
    return Regression()


@pytest.fixture
def space(chain: Chain) -> Chain:
    """What a suite of a method runs on where its class names nothing else."""
    return chain


@pytest.fixture
def domain(regression: Regression) -> Regression:
    """Likewise."""
    return regression


@pytest.fixture
def other() -> Iterator[Any]:
    """The device on paper, other:0: see `appnas.testing.other_device`."""
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip(f"torch {torch.__version__} knows no devices written in Python")
    from appnas.testing import other_device  # once its assertions are rewritten

    with other_device() as device:
        yield device


def tool(*names: str) -> str:
    """Path of a system tool under any of its names; without it the test skips, or fails where it is required."""
    for name in names:
        if found := shutil.which(name):
            return found
    reason = f"none of the programs {names} is installed"
    if os.environ.get("APPNAS_REQUIRE_TOOLS"):
        pytest.fail(reason)
    pytest.skip(reason)


def ring_data(nodes: int = 60, features: int = 8) -> Any:
    """A ring of three arcs with a class each, neighbours up to three steps away joined, and noisy features."""
    generator = torch.Generator().manual_seed(3)
    y = torch.arange(nodes) * 3 // nodes
    x = torch.nn.functional.one_hot(y, features).float() + 0.7 * torch.randn(nodes, features, generator=generator)
    steps = torch.tensor([1, 2, 3, -1, -2, -3])
    edges = torch.stack(
        [torch.arange(nodes).repeat(6), (torch.arange(nodes).repeat(6) + steps.repeat_interleave(nodes)) % nodes]
    )
    masks = {name: torch.arange(nodes) % 3 == i for i, name in enumerate(("train_mask", "val_mask", "test_mask"))}
    return SimpleNamespace(x=x, edge_index=edges, y=y, **masks)


def opinions(bare: bool = False) -> Any:
    """Readers like or hate books. A book is good, or not, by which of both most do: only types of edges tell."""
    from torch_geometric.data import HeteroData

    rng, data = torch.Generator().manual_seed(0), HeteroData()
    good = torch.arange(80) % 2
    who, what = torch.randint(30, (640,), generator=rng), torch.arange(640) % 80
    likes = torch.rand(640, generator=rng) < 0.2 + 0.6 * good[what]
    data["book"].x, data["book"].y = torch.rand(80, 3, generator=rng), good
    if bare:
        data["reader"].num_nodes = 30
    else:
        data["reader"].x = torch.rand(30, 2, generator=rng)
    data["reader", "likes", "book"].edge_index = torch.stack([who, what])[:, likes]
    data["reader", "hates", "book"].edge_index = torch.stack([who, what])[:, ~likes]
    return data


@pytest.fixture(scope="session")
def chips() -> Routability:
    """Small placements with their netlists."""
    return on_nets()


@pytest.fixture(scope="session")
def ring() -> Graphs:
    """A small graph whose nodes are classified."""
    recipe = Recipe("adam", lr=0.1, lr_min=0.1, clip=0.0)
    return Graphs(ring_data(), options=GraphOptions(normalise=True, recipe=recipe))


@pytest.fixture(scope="session")
def licence() -> Text:
    """A small text, character by character: 8 batches of 8 sequences of 12 tokens in an epoch."""
    text = (Path(__file__).parent.parent / "LICENSE").read_text()
    options = TextOptions(
        bptt=12, batch=8, train_batch=8, score_batch=4, test_batch=4, recipe=replace(RECIPE, lr=5.0, lr_min=5.0)
    )
    return corpus([text[:800], text[800:1200], text[1200:1600]], "character", options)
