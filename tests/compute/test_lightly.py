"""Optimisers import no compiler, step as torch's do, and are left alone by the compiler once there is one."""

import subprocess
import sys

import torch

from appnas.compute import SGD, Adam, lightly

CODE = """
import sys, torch
from torch import nn
from appnas.task import Recipe, optimiser_of
net = nn.Linear(2, 1)
def step(kind):
    optimiser = optimiser_of(net.parameters(), Recipe(kind))
    optimiser.zero_grad()
    net(torch.ones(3, 2)).sum().backward()
    optimiser.step()
    optimiser.load_state_dict(optimiser.state_dict())
for kind in ("sgd", "adam", "asgd"):
    step(kind)
print("torch._dynamo" in sys.modules)
plain = torch.optim.Optimizer.zero_grad.__wrapped__
print(hasattr(plain, "__dynamo_disable"))  # torch's own class is as it was
import torch._dynamo
step("sgd")
print(hasattr(plain, "__dynamo_disable"))
"""


def test_a_training_imports_no_compiler_and_torch_has_its_own_once_there_is_one():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["False", "False", "True"], done.stderr


def walk(kind, **settings):
    """Weights after some steps on fixed gradients."""
    rng = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(shape, generator=rng)) for shape in ((3, 4), (5,), (2, 1, 3))]
    optimiser = kind(weights, lr=0.1, weight_decay=0.01, **settings)
    for _ in range(5):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=rng)
        optimiser.step()
        assert torch.is_grad_enabled() and not any(weight.grad_fn for weight in weights)
    return weights


def test_a_step_is_torchs_to_the_last_bit(monkeypatch):
    """With one call for all weights, too, which the recipe asks for."""
    for there in (False, True):
        monkeypatch.setattr(lightly, "compiler", lambda there=there: there)
        for ours, theirs, more in ((SGD, torch.optim.SGD, {"momentum": 0.9}), (Adam, torch.optim.Adam, {})):
            pairs = zip(walk(ours, foreach=True, **more), walk(theirs, foreach=False, **more), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)
