"""What leaves the house: every space's network copied, pickled, in fewer bits, traced, compiled, as ONNX, as source."""

import copy
import io
import pickle
import random
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from test_matrix import GRAPHS, ON_NETS, RECURRENT, TINY_SPACES
from torch.utils import _pytree as pytree

from appnas.cost import shaped, to_onnx
from appnas.retrain import plain_source
from appnas.run import stored
from appnas.space import IO, random_arch
from appnas.spaces import SPACES
from appnas.support import seeded

BY_FIELD = ("cnn", "encoder", "graphnet", "guide_dag", "net_map", "recurrent")
"""One space of every field: what is slow is tried on these, on the others in the slow tests."""
REFUSED: dict[tuple[str, str], str] = {}
"""What a network cannot be, and why."""


def network(name):
    """A small network, its inputs, and inputs of another size."""
    space, rng = SPACES[name](**TINY_SPACES[name]), torch.Generator().manual_seed(0)
    sizes = IO((3, 8, 8), (4,))
    if name in GRAPHS:
        sizes = IO((6,), (3,))
        small, large = (
            (torch.randn(n, 6, generator=rng), torch.randint(n, (2, 3 * n), generator=rng)) for n in (9, 14)
        )
    elif name in RECURRENT:
        sizes = IO((3,), (3, 7))
        small, large = ((torch.randint(7, (n, 3), generator=rng),) for n in (2, 5))
    elif name in ON_NETS:
        sizes = IO((3, 8, 8), (4,), nets=True)
        small, large = (
            (torch.randn(n, 3, 8, 8, generator=rng), torch.randint(-1, p, (n, p, 3), generator=rng))
            for n, p in ((2, 9), (5, 14))
        )
    else:
        small, large = ((torch.randn(n, 3, 8, 8, generator=rng),) for n in (2, 5))
    model = seeded(0, lambda: space.build(random_arch(space, random.Random(1)), sizes))
    return model.eval(), small, large


def leaves(output):
    return [x.detach() for x in pytree.tree_leaves(output)]


def alike(found, wanted, **how):
    for x, y in zip(leaves(found), leaves(wanted), strict=True):
        torch.testing.assert_close(x.to(y.dtype), y, **how or {"rtol": 1e-4, "atol": 1e-4})


def halved(inputs):
    return tuple(x.bfloat16() if x.is_floating_point() else x for x in inputs)


def deepcopy(model, small, large):
    alike(copy.deepcopy(model)(*large), model(*large), rtol=0, atol=0)


def pickled(model, small, large):
    """A file of pickle and one of torch.save."""
    wanted = model(*large)
    alike(pickle.loads(pickle.dumps(model))(*large), wanted, rtol=0, atol=0)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    alike(torch.load(file, weights_only=False)(*large), wanted, rtol=0, atol=0)


def bf16(model, small, large):
    found = copy.deepcopy(model).bfloat16()(*halved(large))
    assert {x.dtype for x in leaves(found)} == {torch.bfloat16}
    alike(found, model(*large), rtol=0.1, atol=0.1)


def autocast(model, small, large):
    """Evaluation, and a step of training with gradients of the weights' type."""
    with torch.autocast("cpu", torch.bfloat16):
        alike(model(*large), model(*large))
        out = copy.deepcopy(model).train()
        sum(x.float().square().mean() for x in pytree.tree_leaves(out(*large))).backward()
    assert all(p.grad.dtype == p.dtype for p in out.parameters() if p.grad is not None)
    assert any(p.grad is not None for p in out.parameters())


def exported(model, small, large):
    args, named, free, _ = shaped(model, small, large)
    program = torch.export.export(model, args, named, dynamic_shapes=free)
    there = program.module()
    alike(there(**dict(zip(named, large, strict=True))) if named else there(*large), model(*large))


def onnx(model, small, large):
    pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    assert to_onnx(model, small, large)  # which compares it with the network


def compiled(model, small, large):
    if not (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("torch compiles for a processor with a C++ compiler, and there is none")
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's compiler, which concern nobody here
        alike(torch.compile(model)(*small), model(*small))


def source(model, small, large):
    assert "appnas" not in plain_source(model, small, large)  # which compares it with the network


FAST, SLOW = (deepcopy, pickled, bf16, autocast), (exported, onnx, compiled, source)
DEFAULT = {(source, name) for name in BY_FIELD} | {(exported, "cnn"), (onnx, "cnn"), (compiled, "mlp")}
CELLS = [(kind, name) for name in SPACES for kind in (*FAST, *SLOW)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=[pytest.mark.slow] * (kind in SLOW and (kind, name) not in DEFAULT))
        for kind, name in CELLS
    ],
    ids=[f"{kind.__name__}-{name}" for kind, name in CELLS],
)
def test_every_network_leaves(kind, name):
    if reason := REFUSED.get((kind.__name__, name)):
        pytest.skip(reason)
    kind(*network(name))


ALONE = """
import importlib.util, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("appnas", "torch_geometric"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import torch
from torch.utils import _pytree as pytree
for folder in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("network", folder + "/network.py")
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    inputs, wanted = torch.load(folder + "/expected.pt")
    model = module.load()
    for x, y in zip(pytree.tree_leaves(model(*inputs)), wanted, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-4)
    sgd, losses = torch.optim.SGD(model.train().parameters(), 1e-3), []
    before = [p.clone() for p in model.parameters()]
    sum(x.square().mean() for x in pytree.tree_leaves(model(*inputs))).backward()
    sgd.step()
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters()))
    print(folder.rsplit("/")[-1], sum(p.grad is not None for p in model.parameters()))
assert "appnas" not in sys.modules
"""


def test_plain_source_runs_and_trains_where_appnas_cannot_be_imported(tmp_path):
    """A network of every field, also with more inputs of its own size."""
    wanted = []
    for name in BY_FIELD:
        model, small, large = network(name)
        (tmp_path / name).mkdir()
        (tmp_path / name / "network.py").write_text(plain_source(model, small, large))
        (tmp_path / name / "model.safetensors").write_bytes(stored(model.state_dict()))
        torch.save((large, leaves(model(*large))), tmp_path / name / "expected.pt")
        trained = model.train()(*large)
        sum(x.square().mean() for x in pytree.tree_leaves(trained)).backward()
        wanted.append(f"{name} {sum(p.grad is not None for p in model.parameters())}")
    command = [sys.executable, "-I", "-c", ALONE, *(str(tmp_path / name) for name in BY_FIELD)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.stdout.splitlines() == wanted, done.stderr
    assert Path(tmp_path / "cnn" / "network.py").read_text().count("nn.Conv2d(") == 2
