"""Every convolution that our networks run: none is 1x1 with a stride, and all are right on this processor."""

from __future__ import annotations

import ast
import itertools
import os
import random
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import convolutions
import pytest
import torch
from chip_examples import on_nets
from conftest import ring_data
from convolutions import Shape, save
from test_matrix import GRAPHS, ON_NETS, RECURRENT, TINY_SPACES
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from appnas.cost import macs
from appnas.domains.graphs import Graphs
from appnas.domains.text import Options
from appnas.domains.text.data import corpus
from appnas.space import IO, Arch, Gates, Space, random_arch
from appnas.spaces import SPACES, AlexNet, Bench201, Cells, GuideDag, Mnas, Proxyless
from appnas.spaces.eda import NETS
from appnas.spaces.parts import Depthwise, Style, Unmixed, convolution
from appnas.spaces.parts.ops import OPS, Pointwise
from appnas.spaces.rl import ImpalaCNN
from appnas.supernet import plain
from appnas.testing.parts import identical, soft_gates

ROOT = Path(__file__).parent.parent
OURS = ("appnas", "benchmarks", "domains", "examples", "spaces")
ADVICE = "use appnas.spaces.parts.convolution, which picks the pixels first"
NUMBERS, MAPS = IO((3, 16, 16), (10,)), IO((3, 32, 32), (32, 32))
Network = tuple[str, nn.Module, tuple[Tensor, ...], dict[str, Gates]]
"""A label, the module, its inputs, and its gates by name."""


class Spy(TorchDispatchMode):
    """Notes every convolution that is to run while it is active, backward passes included, and gives zeros instead.

    So collecting cannot die of what it looks for.

    Raises:
        AssertionError: before a strided 1x1 convolution, with the line that runs it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[Shape] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {a.name: v for a, v in zip(func._schema.arguments, args, strict=False)} | (kwargs or {})
        if {"input", "weight", "stride", "dilation", "transposed"} <= given.keys():
            weight, groups = given["weight"], given["groups"]
            depthwise = groups > 1 and weight.shape[1] == 1 and weight.shape[0] == groups
            names = ("stride", "padding", "dilation")
            per_axis = (tuple(given[n]) * (1 if len(given[n]) > 1 else weight.dim() - 2) for n in names)
            more = bool(given["transposed"]), tuple(given["output_padding"]), 0 if depthwise else groups
            shape = Shape(tuple(weight.shape[2:]), *per_axis, *more)
            assert not shape.strided_pointwise, f"a 1x1 convolution with a stride at {caller()}: {ADVICE}"
            self.seen.add(shape)
            args, kwargs = tree_map_only(Tensor, lambda x: x.to("meta"), (args, kwargs or {}))
            return tree_map_only(Tensor, lambda x: torch.zeros_like(x, device="cpu"), func(*args, **kwargs))
        return func(*args, **(kwargs or {}))


def caller() -> str:
    """The last line of ours that led to the spy."""
    lines = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_stack()[:-2]]
    ours = [(p.relative_to(ROOT), n) for p, n in lines if p.is_relative_to(ROOT)]
    return [f"{path}:{line}" for path, line in ours if path.parts[0] in (*OURS, "tests")][-1]


def covering(space: Space, most: int) -> list[Arch]:
    """Random architectures, each of which takes an option somewhere that those before it did not: of 300 draws."""
    rng, seen, found = random.Random(0), set(), []
    for _ in range(300):
        arch = random_arch(space, rng)
        if not set(enumerate(arch)) <= seen and len(found) < most:
            found.append(arch)
            seen |= set(enumerate(arch))
    return found


def inputs_of(name: str) -> tuple[IO, tuple[Tensor, ...]]:
    """Sizes and two examples for a space of the catalogue."""
    if name in GRAPHS:
        domain = Graphs(ring_data())
    elif name in ON_NETS:
        domain = on_nets()
    elif name in RECURRENT:
        domain = corpus(["to be or not to be " * 40] * 3, "character", Options(bptt=12, batch=8))
    else:
        return NUMBERS, (torch.randn(2, *NUMBERS.inputs),)
    return domain.io, domain.example(2)


def of_space(name: str, small: bool) -> Iterator[Network]:
    """Networks of a space in a tiny size, or in its own, and the supernet, which holds everything."""
    space = SPACES[name](**TINY_SPACES[name] if small else {})
    io, inputs = inputs_of(name)
    for arch in covering(space, 300 if isinstance(space, Unmixed) and small else 4 if small else 1):
        yield f"{name} {arch}", space.build(arch, io), inputs, {}
    if name == "guide_dag":
        yield f"{name} of maps", space.build((1,) * len(arch), MAPS), (torch.randn(2, *MAPS.inputs),), {}
    if not isinstance(space, Unmixed):
        gates: Gates = soft_gates(space.choices, dtype=torch.float32)
        yield f"{name} supernet", space.supernet(io), inputs, {"gates": gates}


def by_hand() -> Iterator[Network]:
    """Networks that are compared with searched ones: the package's, and the benchmarks' own."""
    x, maps = torch.randn(2, *NUMBERS.inputs), torch.randn(2, *MAPS.inputs)
    for (name, make), (io, inputs) in itertools.product(NETS.items(), ((NUMBERS, x), (MAPS, maps))):
        yield f"map_nets {name} {io.outputs}", make(io), (inputs,), {}
    yield "ImpalaCNN", ImpalaCNN(NUMBERS), (x,), {}
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from plain_supernet import Plain201, PlainSupernet
    from routability import Linear

    for name, net in (("cells", PlainSupernet(2, 3, 3, 10)), ("bench201", Plain201(2, 1, 3, 10))):
        gates = soft_gates(SPACES[name]().choices, dtype=torch.float32)
        yield f"plain_supernet {name}", net, (x,), {"gates": gates}
    yield "routability Linear", Linear(MAPS), (maps,), {}


def shapes_of(
    network: nn.Module, inputs: tuple[Tensor, ...], gates: dict[str, Gates], forms: Sequence[bool] = (False, True)
) -> set[Shape]:
    """The convolutions of a step, forward and backward, in the fast form and in the plain one.

    Raises:
        AssertionError: a strided 1x1 convolution, as a module or as a call.
    """
    strided = strided_modules(network)
    assert not strided, f"1x1 convolutions with a stride: {', '.join(strided)}: {ADVICE}"
    with Spy() as spy:
        for form in forms:
            with plain(form):
                leaves = tree_leaves(network(*inputs, **gates))
                torch.autograd.backward([y.sum() for y in leaves if isinstance(y, Tensor) and y.requires_grad])
    return spy.seen


def strided_modules(network: nn.Module) -> list[str]:
    """The names of modules that are strided 1x1 convolutions."""
    kinds = nn.Conv1d | nn.Conv2d | nn.Conv3d
    convolutions = [(name, m) for name, m in network.named_modules() if isinstance(m, kinds)]
    return [name for name, m in convolutions if any(k == 1 < s for k, s in zip(m.kernel_size, m.stride, strict=True))]


def collect() -> list[Shape]:
    """Every shape that our networks run: all spaces in tiny sizes, those on images and maps in their own, too."""
    found: set[Shape] = set()
    tiny = itertools.chain(*(of_space(name, True) for name in SPACES), by_hand())
    whole = itertools.chain(*(of_space(name, False) for name in SPACES if name not in (*GRAPHS, *RECURRENT)))
    for forms, networks in (((False, True), tiny), ((False,), whole)):
        for label, *parts in networks:
            try:
                found |= shapes_of(*parts, forms)
            except AssertionError as error:
                error.add_note(f"in {label}")
                raise
    return sorted(found)


LIMITS = {
    "as it is": {},
    "ATen without AVX-512": {"ATEN_CPU_CAPABILITY": "avx2"},
    "ATen and oneDNN without AVX-512": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
}


def script(path: Path, **limits: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tests/convolutions.py"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | limits, check=False)


def verdict(printed: str) -> list[str]:
    """What failed, each with the last line that its process printed; if nothing did, the last line of all."""
    lines = printed.splitlines()
    named = [line for line in lines if line.startswith("FAILED")]
    last = {line.partition(": ")[0]: line.partition(": ")[2] for line in lines if line not in named}
    return [f"{line}, at {last.get(line.partition(': ')[2], 'its start')}" for line in named] or lines[-1:]


def test_every_convolution_of_ours_is_right_and_no_1x1_one_has_a_stride(tmp_path):
    """In widths of 1 to 8 channels: a failure names the shape, and the processor's limits."""
    shapes = collect()
    assert len(shapes) > 20 and {shape.kernel for shape in shapes} >= {(1, 1), (3, 3), (5, 5), (7, 7), (13, 13)}
    assert any(shape.transposed for shape in shapes) and {shape.groups for shape in shapes} >= {0, 1, 4}
    save(shapes, tmp_path / "shapes.json")
    for name, limits in LIMITS.items():
        done = script(tmp_path / "shapes.json", **limits)
        assert done.returncode == 0, f"{name}: {verdict(done.stdout)}\n{done.stderr[-2000:]}"


def test_a_shape_that_kills_its_process_is_named_and_the_others_run():
    code = """
import os, convolutions
def exercise(shape):
    print("runs", shape.kernel, flush=True)
    if shape.kernel == (2, 2):
        os.abort()
    if shape.kernel == (3, 3):
        raise ArithmeticError("off by 1")
convolutions.exercise = exercise
print(*convolutions.failures([convolutions.Shape((k, k), *[(1, 1)] * 3, False, (0, 0), 1) for k in (1, 2, 3, 4)]))
"""
    run = partial(subprocess.run, capture_output=True, text=True, check=True, cwd=ROOT / "tests")
    done = run([sys.executable, "-c", code])
    assert done.stdout.count("runs") == 4 and done.stdout.count("FAILED") == 2
    assert "FAILED with exit code -6: Shape(kernel=(2, 2)" in done.stdout
    assert "FAILED with exit code 1: Shape(kernel=(3, 3)" in done.stdout and "off by 1" in done.stderr


def test_a_verdict_by_hand():
    assert verdict("") == [] and verdict("a: 1\nb: 2") == ["b: 2"]
    assert verdict("a: 1\na: 2\nb: 3\nFAILED with exit code -6: a\n") == ["FAILED with exit code -6: a, at 2"]


def test_the_script_finds_wrong_numbers(monkeypatch):
    shape = Shape((3, 3), (1, 1), (1, 1), (1, 1), False, (0, 0), 0)
    convolutions.exercise(shape)
    right = torch.convolution
    monkeypatch.setattr(
        torch, "convolution", lambda x, *args: right(x, *args) * (1 + 1e-3 * (x.dtype == torch.float32))
    )
    with pytest.raises(ArithmeticError, match="off by"):
        convolutions.exercise(shape)


class Bad(nn.Module):
    """A strided 1x1 convolution, as a module or as a call."""

    def __init__(self, call: bool):
        super().__init__()
        self.inner = nn.ModuleDict({"body": nn.Conv2d(4, 4, 1, stride=1 if call else 2)})
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        body = self.inner["body"]
        return torch.nn.functional.conv2d(x, body.weight, stride=2) if self.call else body(x)


def test_a_strided_1x1_convolution_is_found():
    x = (torch.randn(2, 4, 8, 8, requires_grad=True),)
    with pytest.raises(AssertionError, match=r"with a stride: inner\.body: use .*convolution"):
        shapes_of(Bad(False), x, {})
    with pytest.raises(AssertionError, match=r"with a stride at tests/test_convolutions.py:\d+"):
        shapes_of(Bad(True), x, {})
    (shape,) = shapes_of(nn.Conv2d(4, 4, 1), x, {})
    assert shape == Shape((1, 1), (1, 1), (0, 0), (1, 1), False, (0, 0), 1)
    assert {s.groups for s in shapes_of(nn.Conv2d(4, 8, (3, 1), (2, 1), (1, 0), groups=2), x, {})} == {2}


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("name", OPS)
def test_no_operation_has_one(name: str, stride: int):
    for style in (Style(), Style(affine=False, track=False)):
        shapes_of(OPS[name](4, stride, style), (torch.randn(2, 4, 8, 8, requires_grad=True),), {})


@pytest.mark.parametrize(
    "space",
    [
        GuideDag(width=4, strides=(1, 2, 2), kernels=(1, 3)),
        Proxyless(4, 2, 4, (4, 6), (2, 1), (2, 2), kernels=(1, 3)),
        AlexNet(layers=2, filters=(4,), kernels=(1, 3), hidden=4),
        Cells(("none", "nor_conv_1x1", "skip_connect"), channels=4, cells=3, width=4, depth=3),
        Mnas((4, 6), (1, 2), (2, 2), stem=4, stem_stride=2, head=8, multiple=2),
        Bench201(channels=4, repeats=1),
    ],
    ids=lambda space: type(space).__name__,
)
def test_kernels_of_1_with_strides(space):
    """Settings that ask for strided 1x1 convolutions get none."""
    x = (torch.randn(2, *NUMBERS.inputs),)
    for arch in covering(space, 4):
        shapes_of(space.build(arch, NUMBERS), x, {})
    if not isinstance(space, Unmixed):
        shapes_of(space.supernet(NUMBERS), x, {"gates": soft_gates(space.choices, dtype=torch.float32)})


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("stride", "side"), [(2, 8), (2, 7), (3, 8), (3, 1)])
def test_picked_pixels_are_what_the_stride_meets(stride: int, side: int, groups: int):
    """Values, gradients, first weights, and the multiply-adds of the output's size."""
    x = torch.randn(2, 4, side, side, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    ours = convolution(4, 8, 1, stride, groups=groups).double()
    torch.manual_seed(0)
    plain_one = nn.Conv2d(4, 8, 1, stride, groups=groups).double()
    assert identical(ours.state_dict(), plain_one.state_dict())
    assert isinstance(ours, Pointwise) and f"step={stride}" in repr(ours)
    out, expected = ours(x), plain_one(x)
    torch.testing.assert_close(out, expected)
    for found, true in zip(
        torch.autograd.grad(out.square().sum(), [x, *ours.parameters()]),
        torch.autograd.grad(expected.square().sum(), [x, *plain_one.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(found, true)
    assert macs(ours, (x,)) == macs(plain_one, (x,)) == out.numel() * 4 // groups


def test_only_strided_1x1_convolutions_are_special():
    assert type(convolution(4, 8, 1)) is nn.Conv2d
    of_three = convolution(4, 8, 3, 2, 2, bias=False)
    assert type(of_three) is nn.Conv2d and (of_three.stride, of_three.padding, of_three.dilation) == (
        (2, 2), (2, 2), (2, 2),
    )  # fmt: skip
    x = torch.randn(2, 4, 7, 7)
    one = Depthwise(4, 1, 2, 1)
    for form in (False, True):
        with plain(form):
            torch.testing.assert_close(one(x), x[:, :, ::2, ::2] * one.weight[:, 0])


ALLOWED = {"spaces/parts/ops.py:convolution", "spaces/parts/kernels.py:depthwise_plain"} | {
    f"benchmarks/plain_supernet.py:{function}" for function in ("separable", "conv")
}
"""Functions that handle 1x1 convolutions with a stride themselves; two whose kernels with a stride are larger."""


def suspects(source: str) -> Iterator[tuple[int, str]]:
    """Line and function of every convolution whose stride may be above 1 while its kernel may be 1."""

    def visit(node: ast.AST, function: str) -> Iterator[tuple[int, str]]:
        function = node.name if isinstance(node, ast.FunctionDef) else function
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func).split(".")[-1]) in POSITIONS:
            kernel, stride = (argument(node, *place) for place in POSITIONS[name])
            if stride not in (None, "1", "(1, 1)") and (kernel is None or not kernel.isdigit() or kernel == "1"):
                yield node.lineno, function
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function)

    return visit(ast.parse(source), "module")


POSITIONS = {
    **{f"Conv{d}d": ((2, "kernel_size"), (3, "stride")) for d in (1, 2, 3)},
    **{f"LazyConv{d}d": ((1, "kernel_size"), (2, "stride")) for d in (1, 2, 3)},
    **{f"conv{d}d": ((99, ""), (3, "stride")) for d in (1, 2, 3)},
}
"""Where kernel and stride stand; a weight does not tell its size."""


def argument(call: ast.Call, position: int, name: str) -> str | None:
    named = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == name]
    return ast.unparse(call.args[position]) if position < len(call.args) else (named or [None])[0]


def test_code_makes_strided_1x1_convolutions_in_one_place_only():
    """Also what no network above takes, as examples and benchmarks."""
    found = [
        f"{path.relative_to(ROOT)}:{line} in {function}"
        for folder in OURS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, function in suspects(path.read_text())
        if f"{path.relative_to(ROOT)}:{function}" not in ALLOWED
    ]
    assert not found, f"the kernel must be a number above 1 where there is a stride, or {ADVICE}: {found}"


def test_suspects_by_hand():
    code = """
a = nn.Conv2d(4, 4, 1)
def make(k, s):
    nn.Conv2d(4, 4, 3, 2), nn.Conv2d(4, 4, k), nn.Conv2d(4, 4, 1, 1), nn.ConvTranspose2d(4, 4, 1, 2)
    nn.Conv2d(4, 4, 1, 2)
    nn.Conv2d(4, 4, kernel_size=1, stride=s)
    Conv2d(4, 4, k, 2)
    conv2d(x, w, None, s)
"""
    assert list(suspects(code)) == [(n, "make") for n in (5, 6, 7, 8)]
