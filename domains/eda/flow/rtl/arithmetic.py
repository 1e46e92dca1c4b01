"""Arithmetic: products, sums, sorting and filters, whose wires are mostly short."""

from __future__ import annotations

import random

from appnas.domains.eda.flow.rtl.modules import module


def multiplier(bits: int) -> str:
    """An unsigned array multiplier."""
    return module({"a": bits, "b": bits}, 2 * bits, f"wire [{2 * bits - 1}:0] y = a * b;")


def rotator(bits: int) -> str:
    """Rotation by a variable amount, left and right, and their difference."""
    steps = (bits - 1).bit_length()
    body = (
        f"wire [{2 * bits - 1}:0] d = {{a, a}};\nwire [{2 * bits - 1}:0] l = d << s;\n"
        f"wire [{2 * bits - 1}:0] r = d >> t;\n"
        f"wire [{bits - 1}:0] y = l[{2 * bits - 1}:{bits}] ^ r[{bits - 1}:0];"
    )
    return module({"a": bits, "s": steps, "t": steps}, bits, body)


def sorter(count: int, width: int) -> str:
    """A bitonic sorter (Batcher's network) of `count` words, a power of two."""
    lines = [f"wire [{width - 1}:0] w0_{k} = a[{k * width + width - 1}:{k * width}];" for k in range(count)]
    stage, size = 0, 2
    while size <= count:
        step = size // 2
        while step:
            for k in range(count):
                other = k ^ step
                low, high = min(k, other), max(k, other)
                least = (k == low) == (k & size == 0)
                a, b = (f"w{stage}_{low}", f"w{stage}_{high}") if least else (f"w{stage}_{high}", f"w{stage}_{low}")
                test = f"w{stage}_{low} < w{stage}_{high}"
                lines.append(f"wire [{width - 1}:0] w{stage + 1}_{k} = ({test}) ? {a} : {b};")
            stage, step = stage + 1, step // 2
        size *= 2
    parts = ", ".join(f"w{stage}_{k}" for k in reversed(range(count)))
    lines.append(f"wire [{count * width - 1}:0] y = {{{parts}}};")
    return module({"a": count * width}, count * width, "\n".join(lines))


def fir(taps: int, width: int) -> str:
    """A filter with constant random coefficients."""
    rng, out = random.Random(taps), 2 * width + 2
    lines = [
        f"reg [{width - 1}:0] z{k}; always @(posedge clk) z{k} <= {f'z{k - 1}' if k else 'a'};" for k in range(taps)
    ]
    total = " + ".join(f"z{k} * {out}'d{rng.randrange(3, 1 << width)}" for k in range(taps))
    return module({"a": width}, out, "\n".join(lines) + f"\nwire [{out - 1}:0] y = {total};")


def butterfly(width: int) -> str:
    """A complex multiplication by a twiddle factor, then sum and difference."""
    w = 2 * width
    body = (
        f"wire [{w - 1}:0] re = br * wr - bi * wi;\nwire [{w - 1}:0] im = br * wi + bi * wr;\n"
        f"wire [{4 * w - 1}:0] y = {{ar + re, ai + im, ar - re, ai - im}};"
    )
    return module({"ar": w, "ai": w, "br": width, "bi": width, "wr": width, "wi": width}, 4 * w, body)


def alu(width: int) -> str:
    """Eight operations, chosen by a code, with flags."""
    shift = (width - 1).bit_length()
    cases = ["a + b", "a - b", "a & b", "a | b", "a ^ b", f"a << b[{shift - 1}:0]", f"a >> b[{shift - 1}:0]", "a < b"]
    rows = " ".join(f"{k}: r = {case};" for k, case in enumerate(cases))
    body = f"reg [{width - 1}:0] r; always @* case (op) {rows} endcase\nwire [{width + 1}:0] y = {{r == 0, ^r, r}};"
    return module({"a": width, "b": width, "op": 3}, width + 2, body)


def systolic(side: int, width: int) -> str:
    """A square array of multiply-and-add cells that pass their operands on."""
    out, lines = 2 * width + 2, []
    for i in range(side):
        for j in range(side):
            left = f"x{i}_{j - 1}" if j else f"a[{i * width + width - 1}:{i * width}]"
            above = f"v{i - 1}_{j}" if i else f"b[{j * width + width - 1}:{j * width}]"
            lines.append(
                f"reg [{width - 1}:0] x{i}_{j}, v{i}_{j}; reg [{out - 1}:0] s{i}_{j}; always @(posedge clk) begin\n"
                f"  x{i}_{j} <= {left}; v{i}_{j} <= {above}; s{i}_{j} <= clear ? 0 : s{i}_{j} + {left} * {above}; end"
            )
    flat = ", ".join(f"s{i}_{j}" for i in range(side) for j in range(side))
    body = "\n".join(lines) + f"\nwire [{side * side * out - 1}:0] y = {{{flat}}};"
    return module({"a": side * width, "b": side * width, "clear": 1}, side * side * out, body)


def divider(bits: int) -> str:
    """Restoring division as an array of subtractions: long chains that depend on each other."""
    lines = [f"wire [{2 * bits - 1}:0] r0 = {{{bits}'d0, a}};"]
    for k in range(bits):
        high, low = f"r{k}[{2 * bits - 2}:{bits - 1}]", f"r{k}[{bits - 2}:0]"
        lines.append(f"wire [{bits}:0] d{k} = {{1'b0, {high}}} - {{1'b0, b}};")
        lines.append(
            f"wire [{2 * bits - 1}:0] r{k + 1} = {{d{k}[{bits}] ? {high} : d{k}[{bits - 1}:0], {low}, ~d{k}[{bits}]}};"
        )
    return module({"a": bits, "b": bits}, 2 * bits, "\n".join(lines) + f"\nwire [{2 * bits - 1}:0] y = r{bits};")


def counters(count: int, width: int) -> str:
    """Timers: each counts when its bit is set, starts again at its limit, and is read through one bus."""
    pick, lines = (count - 1).bit_length(), []
    for k in range(count):
        lines.append(
            f"reg [{width - 1}:0] n{k}, m{k}; always @(posedge clk) begin if (we && wa == {k}) m{k} <= d;\n"
            f"  if (on[{k}]) n{k} <= (n{k} == m{k}) ? 0 : n{k} + 1; end"
        )
    flat = ", ".join(f"n{k}" for k in reversed(range(count)))
    body = "\n".join(lines) + (
        f"\nwire [{count * width - 1}:0] all = {{{flat}}};\nwire [{count * width - 1}:0] p = all >> (ra * {width});"
        f"\nwire [{width - 1}:0] y = p[{width - 1}:0];"
    )
    return module({"d": width, "we": 1, "wa": pick, "ra": pick, "on": count}, width, body)
