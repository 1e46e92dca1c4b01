"""Crossbars, switches and arbiters: wires that go from anywhere to anywhere."""

from __future__ import annotations

import random

from appnas.domains.eda.flow.rtl.modules import module


def crossbar(ports: int, width: int) -> str:
    """Every output picks any input."""
    pick = (ports - 1).bit_length()
    rows = "\n".join(
        f"wire [{width - 1}:0] s{k} = a >> (c[{k * pick + pick - 1}:{k * pick}] * {width});" for k in range(ports)
    )
    parts = ", ".join(f"s{k}" for k in reversed(range(ports)))
    return module(
        {"a": ports * width, "c": ports * pick}, ports * width, f"{rows}\nwire [{ports * width - 1}:0] y = {{{parts}}};"
    )


def permutation(lanes: int, width: int) -> str:
    """A butterfly of two-way switches with random wiring between the stages."""
    rng, stages = random.Random(lanes * 100 + width), 2 * (lanes - 1).bit_length() - 1
    lines = [f"wire [{width - 1}:0] w0_{k} = a[{k * width + width - 1}:{k * width}];" for k in range(lanes)]
    for stage in range(stages):
        order = rng.sample(range(lanes), lanes)
        for pair in range(lanes // 2):
            x, y = f"w{stage}_{order[2 * pair]}", f"w{stage}_{order[2 * pair + 1]}"
            bit = f"c[{stage * lanes // 2 + pair}]"
            lines.append(f"wire [{width - 1}:0] w{stage + 1}_{2 * pair} = {bit} ? {y} : {x};")
            lines.append(f"wire [{width - 1}:0] w{stage + 1}_{2 * pair + 1} = {bit} ? {x} : {y};")
    parts = ", ".join(f"w{stages}_{k}" for k in range(lanes))
    lines.append(f"wire [{lanes * width - 1}:0] y = {{{parts}}};")
    return module({"a": lanes * width, "c": stages * lanes // 2}, lanes * width, "\n".join(lines))


def arbiter(masters: int, width: int) -> str:
    """Matrix arbitration with rotating priority, and the winner's data on the bus."""
    lines = [f"reg [{masters - 1}:0] p; always @(posedge clk) p <= {{p[{masters - 2}:0], ~|p | p[{masters - 1}]}};"]
    for k in range(masters):
        ahead = " | ".join(f"(r[{j}] & ~p[{k}] & (p[{j}] | {int(j < k)}))" for j in range(masters) if j != k)
        lines.append(f"wire g{k} = r[{k}] & ~({ahead});")
    bus = " | ".join(f"({{{width}{{g{k}}}}} & a[{k * width + width - 1}:{k * width}])" for k in range(masters))
    grants = ", ".join(f"g{k}" for k in reversed(range(masters)))
    lines.append(f"wire [{masters + width - 1}:0] y = {{{grants}, {bus}}};")
    return module({"r": masters, "a": masters * width}, masters + width, "\n".join(lines))


def parity(checks: int, inputs: int, degree: int) -> str:
    """Sparse random parity checks, of `degree` bits each; a bit flips if most of its checks fail (LDPC codes)."""
    rng = random.Random(checks * 1000 + inputs)
    of = [rng.sample(range(inputs), degree) for _ in range(checks)]
    lines = [f"wire c{k} = {' ^ '.join(f'a[{i}]' for i in row)};" for k, row in enumerate(of)]
    for i in range(inputs):
        mine = [f"c{k}" for k, row in enumerate(of) if i in row] or ["1'b0"]
        lines.append(
            f"wire f{i} = a[{i}] ^ (({' + '.join(f'{{2{chr(39)}b0, {c}}}' for c in mine)}) > {len(mine) // 2});"
        )
    flips = ", ".join(f"f{i}" for i in reversed(range(inputs)))
    return module({"a": inputs}, inputs, "\n".join(lines) + f"\nwire [{inputs - 1}:0] y = {{{flips}}};")
