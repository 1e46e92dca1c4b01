"""A step of the recurrent supernet: the fast form against two plain ones of the same mathematics, in turn.

"per operation": every candidate by itself, with a matrix product of its own (`appnas.supernet.plain`). "per node": one
product a node, then every activation's candidate in full, as a straightforward reading of the paper has it. Median CPU
seconds of the process for loss and all gradients; first the largest relative difference of gradients (float64). Then
the derived cell DARTS_V2 beside torch's GRU and LSTM of as many weights, at the sizes of `recurrent_cells.py`: by the
function for all moments (`appnas.spaces.text.one_path`), and by a module an operation.

    python benchmarks/recurrent_step.py               # two minutes
    python benchmarks/recurrent_step.py --compile     # torch.compile of a derived cell's moment too
"""

import statistics
import sys
import time
from types import SimpleNamespace

import torch
from recurrent_cells import SPACE, gated
from torch import nn
from torch.nn.functional import batch_norm, cross_entropy

from appnas.space import IO
from appnas.spaces import Recurrent
from appnas.spaces.text import DARTS_V2
from appnas.supernet import plain

DRY = {f"drop_{name}": 0.0 for name in ("word", "embedding", "input", "state", "output")}
FUNCTIONS = (torch.tanh, torch.relu, torch.sigmoid, lambda x: x)


def per_node(net, tokens, gates):
    """The supernet written out: one product a node, then one candidate after the other."""
    cell, rows = net.cell, Recurrent.by_node(gates)
    x = torch.nn.functional.embedding(tokens.t(), net.embedding)
    h, outputs = x.new_zeros(x.shape[1:]), []
    for moment in x:
        c, g = (torch.cat([moment, h], 1) @ cell.first).chunk(2, 1)
        states = batch_norm(h + c.sigmoid() * (g.tanh() - h), None, None, training=True)[None]
        for node, weights in zip(cell.nodes, rows, strict=True):
            c, g = (states.flatten(0, 1) @ node.weight).view(*states.shape[:2], -1).chunk(2, -1)
            c, total = c.sigmoid(), torch.zeros_like(h)
            for k, f in enumerate(FUNCTIONS):
                total = total + (weights[:, k, None, None] * (states + c * (f(g) - states))).sum(0)
            states = torch.cat([states, batch_norm(total, None, None, training=True)[None]])
        h = states[1:].mean(0)
        outputs.append(h)
    return torch.nn.functional.linear(torch.stack(outputs), net.embedding, net.bias).transpose(0, 1)


def forms(hidden, batch, bptt, tokens, dtype=torch.float32):
    """The three forms of one step, each returning loss and gradients."""
    torch.manual_seed(0)
    io = IO((bptt,), (bptt, tokens))
    net = Recurrent(hidden=hidden, **DRY).supernet(io).to(dtype)
    x = torch.randint(tokens, (batch, bptt + 1))
    gates = (torch.softmax(torch.randn(36, 5, dtype=dtype), -1).requires_grad_(),)

    def step(forward):
        loss = cross_entropy(forward().flatten(0, 1), x[:, 1:].flatten())
        return [loss, *torch.autograd.grad(loss, [*gates, *net.parameters()])]

    def candidates():
        with plain():
            return net(x[:, :-1], gates=gates)

    return {
        "fast": lambda: step(lambda: net(x[:, :-1], gates=gates)),
        "per node": lambda: step(lambda: per_node(net, x[:, :-1], gates)),
        "per operation": lambda: step(candidates),
    }


def timed(variants, repeats):
    """Median CPU seconds of every variant, run in turn; the first round does not count."""
    times = {name: [] for name in variants}
    for _ in range(repeats + 1):
        for name, run in variants.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def moments(width=64, batch=64, bptt=35):
    """A derived cell's sequence: eager, and with one moment compiled."""
    space = Recurrent(width=width, **DRY)
    cell = space.build(space.from_cell(DARTS_V2), IO((bptt,), (bptt, 66))).cell
    x, h = torch.randn(bptt, batch, width), torch.zeros(batch, width)
    compiled = torch.compile(cell)

    def run(forward):
        def _run():
            hidden, outputs = h, []
            for moment in x:
                hidden = forward(moment[None], hidden)[0]
                outputs.append(hidden)
            torch.stack(outputs).sum().backward()

        return _run

    return {"eager": run(cell), "compiled": run(compiled)}


def cells(small):
    """A step of the derived cell in both forms, of a GRU and of an LSTM."""
    io = IO((20,), (20, 66))
    derived = SPACE.build(SPACE.from_cell(DARTS_V2), io)
    nets = {kind.__name__: gated(kind, SimpleNamespace(io=io))() for kind in (nn.GRU, nn.LSTM)}
    x = torch.randint(66, (4 if small else 128, 21))

    def step(net, form=False):
        def run():
            with plain(form):
                loss = cross_entropy(net(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())
            torch.autograd.grad(loss, [*net.parameters()])

        return run

    forms = {"derived": step(derived), "derived, module by module": step(derived, True)}
    return forms | {name: step(net) for name, net in nets.items()}


def main() -> None:
    torch.set_num_threads(1)
    found = {name: [x.detach() for x in run()] for name, run in forms(8, 6, 5, 11, torch.float64).items()}
    for name in ("per node", "per operation"):
        differences = [
            float((a - b).abs().max() / b.abs().max()) for a, b in zip(found["fast"], found[name], strict=True)
        ]
        print(f"fast and {name}: largest relative difference of loss and gradients {max(differences):.1e}")
    sizes = ((8, 8, 4, 10, 2),) if "--small" in sys.argv else ((64, 32, 35, 66, 5), (300, 64, 8, 1000, 3))
    for hidden, batch, bptt, tokens, repeats in sizes:
        seconds = timed(forms(hidden, batch, bptt, tokens), repeats)
        ratios = ", ".join(f"{name} {s:.3f} s ({s / seconds['fast']:.2f})" for name, s in seconds.items())
        print(f"hidden {hidden}, batch {batch}, {bptt} moments, {tokens} tokens: {ratios}", flush=True)
    seconds = timed(cells("--small" in sys.argv), 2 if "--small" in sys.argv else 15)
    ratios = ", ".join(f"{name} {1e3 * s:.1f} ms ({s / seconds['GRU']:.2f})" for name, s in seconds.items())
    print(f"20 moments, batch 128, as many weights: {ratios}", flush=True)
    if "--compile" in sys.argv:
        start = time.process_time()
        variants = moments()
        variants["compiled"]()
        print(f"compiling took {time.process_time() - start:.0f} CPU s")
        for name, s in timed(variants, 5).items():
            print(f"a derived cell's 35 moments, 64 units, batch 64, {name}: {1e3 * s:.1f} ms")


if __name__ == "__main__":
    main()
