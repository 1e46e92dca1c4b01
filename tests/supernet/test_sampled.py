"""appnas.supernet.sampled: a sample that holds, is drawn anew, travels with the module, and costs what it runs."""

import copy
import io

import pytest
import torch

from appnas.space import IO, full_mask, restrict
from appnas.spaces import Cells, Encoder
from appnas.supernet import SelfSampled, gumbel_paths, softmax

SPACE = Encoder(channels=(4,), nodes=2, cells=1, hidden=8, norm="none")
FRAMES = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def made(seed=0, space=SPACE, **more):
    torch.manual_seed(0)
    supernet = space.supernet(IO((1, 16, 16), (3,)))
    return SelfSampled(space, supernet, softmax, torch.Generator().manual_seed(seed), **more)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_held_sample_lasts_from_rollout_to_rollout():
    """Passes, gradient steps and moving logits leave it; evaluation after training ends it."""
    net = made()
    net.eval()
    first = [x.detach() for x in net.gates()]
    assert all(x.sum(-1).eq(1).all() and set(x.unique().tolist()) <= {0.0, 1.0} for x in first)
    for step in range(3):
        net.train()
        net(FRAMES).sum().backward()
        with torch.no_grad():
            net.alpha[0][:, step] += 50.0  # far more than the noise
        assert same(net.gates(), first)
    net.train()
    net.eval()
    second = [x.detach() for x in net.gates()]
    assert not same(second, first) and second[0].argmax(-1).ne(0).logical_or(first[0].argmax(-1).eq(0)).any()
    net.eval()
    assert same(net.gates(), second), "evaluation goes on: the same rollout"


def test_what_is_not_held_is_drawn_at_every_pass():
    net = made(held=False).eval()
    seen = []
    for _ in range(4):
        with torch.no_grad():
            net(FRAMES)
        seen.append(torch.cat([x.argmax(-1) for x in net.gates()]))
    assert len({tuple(x.tolist()) for x in seen}) == 4


def test_what_rests_goes_by_the_last_sample_of_the_training_in_evaluation():
    """However often it is asked, the training draws the same next ones."""
    seen = {}
    for asked in (0, 3):
        net, seen[asked] = made(held=False), []
        net.rests = True
        for _ in range(4):
            net.train()(FRAMES)
            last = [x.detach() for x in net.gates()]
            net.eval()
            for _ in range(asked):
                net(FRAMES)
                assert same(net.gates(), last)
            seen[asked] += last
    assert same(seen[0], seen[3]) and len({tuple(x.flatten().tolist()) for x in seen[0]}) > 1


def test_samples_have_the_probabilities_of_the_logits():
    net = made()
    with torch.no_grad():
        net.alpha[0].copy_(torch.tensor([0.5, 0.2, 0.1, 0.15, 0.05]).log().expand_as(net.alpha[0]))
        total = torch.zeros_like(net.alpha[0])
        for _ in range(1500):
            net.draw()
            total += net.gates()[0]
    share = total.mean(0) / 1500
    assert share.tolist() == pytest.approx([0.5, 0.2, 0.1, 0.15, 0.05], abs=0.02)
    torch.testing.assert_close(net.distribution()[0], torch.softmax(net.alpha[0].detach(), -1))
    assert net.arch() == SPACE.discretise(net.distribution())


def test_a_sample_travels_with_the_module():
    """Copied, or saved and loaded as a checkpoint is, it goes on as the original does."""
    net = made()
    net.eval()
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    again = made(seed=9)
    again.load_state_dict(torch.load(file, weights_only=True))
    twin = copy.deepcopy(net)
    assert twin.alpha[0].is_arch
    for _ in range(3):
        for other in (again, twin):
            assert same(net.gates(), other.gates()) and torch.equal(net(FRAMES), other(FRAMES))
        for module in (net, again, twin):
            module.train()
            module.eval()


def test_a_checkpoint_knows_that_a_rollout_is_due():
    """Between two iterations of an agent, its network is in training; a new one is too, a loaded one must be alike."""
    net, other = made(), made(seed=5)
    net.eval()  # the rollout of this sample is at hand
    other.load_state_dict(net.state_dict())
    other.eval()
    assert same(net.gates(), other.gates())


def test_only_the_sample_runs_and_learns():
    net = made()
    ran = []
    for name, module in net.supernet.named_modules():
        if name.endswith(("conv_3x3", "relu", "tanh")):
            module.register_forward_hook(lambda module, x, y, name=name: ran.append(name))
    net(FRAMES).pow(2).sum().backward()
    (gates,) = net.gates()
    rows = gates.argmax(-1).tolist()
    assert sorted(ran) == sorted(
        f"stages.0.2.cell.dag.edges.{e}.{SPACE.options[k]}"
        for e, k in enumerate(rows)
        if SPACE.options[k] in ("conv_3x3", "relu", "tanh")
    )
    moved = net.alpha[0].grad.abs().sum(-1).ne(0).tolist()
    assert all(SPACE.options[k] != "zero" for k, learns in zip(rows, moved, strict=True) if learns)
    idle = [p for e, k in enumerate(rows) for o, op in net.supernet.stages[0][2].cell.dag.edges[e].items()
            if o != SPACE.options[k] for p in op.parameters()]  # fmt: skip
    assert idle and all(p.grad is None for p in idle)


def test_masks_and_several_paths():
    mask = full_mask(SPACE.choices)
    mask[0][:, 1:4] = False
    net = made(space=restrict(SPACE, mask), paths=3)
    for _ in range(20):
        net.draw()
        (gates,) = net.gates()
        assert not gates[~mask[0]].any()
        torch.testing.assert_close(gates.sum(-1), torch.ones(len(gates)))
        assert (gates.mul(3) - gates.mul(3).round()).abs().max() < 1e-6
    with pytest.raises(ValueError, match="paths=0"):
        made(paths=0)


def test_cells_that_are_computed_again_run_the_same():
    """Checkpointing of activations hands the gates to the second pass as they are."""
    found = []
    for recompute in ("nothing", "convolutions", "cells"):
        space = Cells(channels=2, cells=3, width=2, depth=3, recompute=recompute)
        torch.manual_seed(0)
        net = space.supernet(IO((3, 8, 8), (4,)))
        alpha = [torch.zeros(c.count, len(c.options), requires_grad=True) for c in space.choices]
        generator = torch.Generator().manual_seed(0)
        gates = tuple(gumbel_paths(a, generator) for a in alpha)
        x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
        found.append(torch.autograd.grad(net(x, gates=gates).pow(2).sum(), alpha))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_a_compiled_network_is_not_marked():
    """What is compiled must not depend on the numbers: all options run, and the output is the same."""
    net = made()
    torch.testing.assert_close(torch.compile(net, backend="eager")(FRAMES), net(FRAMES))
