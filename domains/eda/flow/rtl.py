"""Designs of our own to place and route: parametrised generators of Verilog without a licence question.

Every generator returns one module `top` with a clock, registered outputs and no inferred memory. The sizes in
`DESIGNS` give a few hundred to about two thousand cells of a standard-cell library; the kinds differ in how their
nets are spread: arithmetic is local, crossbars and permutations are global, register files and arbiters have nets of
large fan-out.
"""

from __future__ import annotations

import random
from collections.abc import Callable


def _module(inputs: dict[str, int], output: int, body: str) -> str:
    """A module whose wire `y` of `output` bits is registered into the port `q`."""
    ports = ", ".join(f"input [{width - 1}:0] {name}" for name, width in inputs.items())
    head = f"module top(input clk, {ports}, output reg [{output - 1}:0] q);"
    return f"{head}\n{body}\nalways @(posedge clk) q <= y;\nendmodule\n"


def multiplier(bits: int) -> str:
    """An unsigned array multiplier."""
    return _module({"a": bits, "b": bits}, 2 * bits, f"wire [{2 * bits - 1}:0] y = a * b;")


def rotator(bits: int) -> str:
    """Rotation by a variable amount, left and right, and their difference."""
    steps = (bits - 1).bit_length()
    body = (
        f"wire [{2 * bits - 1}:0] d = {{a, a}};\nwire [{2 * bits - 1}:0] l = d << s;\n"
        f"wire [{2 * bits - 1}:0] r = d >> t;\n"
        f"wire [{bits - 1}:0] y = l[{2 * bits - 1}:{bits}] ^ r[{bits - 1}:0];"
    )
    return _module({"a": bits, "s": steps, "t": steps}, bits, body)


def crossbar(ports: int, width: int) -> str:
    """Every output picks any input."""
    pick = (ports - 1).bit_length()
    rows = "\n".join(
        f"wire [{width - 1}:0] s{k} = a >> (c[{k * pick + pick - 1}:{k * pick}] * {width});" for k in range(ports)
    )
    parts = ", ".join(f"s{k}" for k in reversed(range(ports)))
    return _module(
        {"a": ports * width, "c": ports * pick}, ports * width, f"{rows}\nwire [{ports * width - 1}:0] y = {{{parts}}};"
    )


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
    return _module({"a": count * width}, count * width, "\n".join(lines))


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
    return _module({"a": lanes * width, "c": stages * lanes // 2}, lanes * width, "\n".join(lines))


def register_file(words: int, width: int) -> str:
    """One write port, two read ports."""
    pick = (words - 1).bit_length()
    regs = "\n".join(
        f"reg [{width - 1}:0] r{k}; always @(posedge clk) if (we && wa == {k}) r{k} <= d;" for k in range(words)
    )
    flat = ", ".join(f"r{k}" for k in reversed(range(words)))
    body = (
        f"{regs}\nwire [{words * width - 1}:0] all = {{{flat}}};\n"
        f"wire [{words * width - 1}:0] p = all >> (ra * {width});\n"
        f"wire [{words * width - 1}:0] o = all >> (rb * {width});\n"
        f"wire [{2 * width - 1}:0] y = {{p[{width - 1}:0], o[{width - 1}:0]}};"
    )
    return _module({"d": width, "we": 1, "wa": pick, "ra": pick, "rb": pick}, 2 * width, body)


def matcher(words: int, width: int) -> str:
    """A content-addressable memory: which stored words equal the key under a mask."""
    pick = (words - 1).bit_length()
    lines = [
        f"reg [{width - 1}:0] r{k}; always @(posedge clk) if (we && wa == {k}) r{k} <= d;\n"
        f"wire m{k} = ((r{k} ^ key) & mask) == 0;"
        for k in range(words)
    ]
    flat = ", ".join(f"m{k}" for k in reversed(range(words)))
    body = "\n".join(lines) + f"\nwire [{words - 1}:0] y = {{{flat}}};"
    return _module({"d": width, "we": 1, "wa": pick, "key": width, "mask": width}, words, body)


def fir(taps: int, width: int) -> str:
    """A filter with constant random coefficients."""
    rng, out = random.Random(taps), 2 * width + 2
    lines = [
        f"reg [{width - 1}:0] z{k}; always @(posedge clk) z{k} <= {f'z{k - 1}' if k else 'a'};" for k in range(taps)
    ]
    total = " + ".join(f"z{k} * {out}'d{rng.randrange(3, 1 << width)}" for k in range(taps))
    return _module({"a": width}, out, "\n".join(lines) + f"\nwire [{out - 1}:0] y = {total};")


def substitution(boxes: int) -> str:
    """Random 8-bit substitution boxes whose outputs are mixed over all bits: dense local logic, like a cipher's."""
    rng, lines = random.Random(boxes), []
    for k in range(boxes):
        table = rng.sample(range(256), 256)
        cases = " ".join(f"8'd{i}: s{k} = 8'd{v};" for i, v in enumerate(table))
        lines.append(
            f"reg [7:0] s{k}; always @* case (a[{8 * k + 7}:{8 * k}] ^ k[{8 * k + 7}:{8 * k}]) {cases} endcase"
        )
    bits = [f"s{i // 8}[{i % 8}]" for i in range(8 * boxes)]
    mixed = ", ".join(" ^ ".join(rng.sample(bits, min(4, len(bits)))) for _ in bits)
    return _module(
        {"a": 8 * boxes, "k": 8 * boxes}, 8 * boxes, "\n".join(lines) + f"\nwire [{8 * boxes - 1}:0] y = {{{mixed}}};"
    )


def hash_round(width: int) -> str:
    """A round in the manner of the SHA-2 family on eight words: rotations, choice, majority, sums."""

    def turned(x: str, *by: int) -> str:
        return " ^ ".join(f"{{{x}[{r - 1}:0], {x}[{width - 1}:{r}]}}" for r in by)

    r = [max(1, width * k // 32) for k in (2, 13, 22, 6, 11, 25)]
    names = "abcdefgh"
    body = (
        f"wire [{width - 1}:0] t = h + ({turned('e', *r[3:])}) + ((e & f) ^ (~e & g)) + k;\n"
        f"wire [{width - 1}:0] u = ({turned('a', *r[:3])}) + ((a & b) ^ (a & c) ^ (b & c));\n"
        f"wire [{8 * width - 1}:0] y = {{t + u, a, b, c, d + t, e, f, g}};"
    )
    return _module({**dict.fromkeys(names, width), "k": width}, 8 * width, body)


def butterfly(width: int) -> str:
    """A complex multiplication by a twiddle factor, then sum and difference."""
    w = 2 * width
    body = (
        f"wire [{w - 1}:0] re = br * wr - bi * wi;\nwire [{w - 1}:0] im = br * wi + bi * wr;\n"
        f"wire [{4 * w - 1}:0] y = {{ar + re, ai + im, ar - re, ai - im}};"
    )
    return _module({"ar": w, "ai": w, "br": width, "bi": width, "wr": width, "wi": width}, 4 * w, body)


def alu(width: int) -> str:
    """Eight operations, chosen by a code, with flags."""
    shift = (width - 1).bit_length()
    cases = ["a + b", "a - b", "a & b", "a | b", "a ^ b", f"a << b[{shift - 1}:0]", f"a >> b[{shift - 1}:0]", "a < b"]
    rows = " ".join(f"{k}: r = {case};" for k, case in enumerate(cases))
    body = f"reg [{width - 1}:0] r; always @* case (op) {rows} endcase\nwire [{width + 1}:0] y = {{r == 0, ^r, r}};"
    return _module({"a": width, "b": width, "op": 3}, width + 2, body)


def crc(width: int, data: int) -> str:
    """A cyclic redundancy check that takes `data` bits a cycle."""
    poly = random.Random(width).getrandbits(width) | 1
    body = (
        f"reg [{width - 1}:0] y; integer k;\nalways @* begin y = q ^ seed; for (k = 0; k < {data}; k = k + 1)\n"
        f"  y = {{y[{width - 2}:0], 1'b0}} ^ ((y[{width - 1}] ^ d[k]) ? {width}'d{poly} : {width}'d0); end"
    )
    return _module({"d": data, "seed": width}, width, body)


def arbiter(masters: int, width: int) -> str:
    """Matrix arbitration with rotating priority, and the winner's data on the bus."""
    lines = [f"reg [{masters - 1}:0] p; always @(posedge clk) p <= {{p[{masters - 2}:0], ~|p | p[{masters - 1}]}};"]
    for k in range(masters):
        ahead = " | ".join(f"(r[{j}] & ~p[{k}] & (p[{j}] | {int(j < k)}))" for j in range(masters) if j != k)
        lines.append(f"wire g{k} = r[{k}] & ~({ahead});")
    bus = " | ".join(f"({{{width}{{g{k}}}}} & a[{k * width + width - 1}:{k * width}])" for k in range(masters))
    grants = ", ".join(f"g{k}" for k in reversed(range(masters)))
    lines.append(f"wire [{masters + width - 1}:0] y = {{{grants}, {bus}}};")
    return _module({"r": masters, "a": masters * width}, masters + width, "\n".join(lines))


def distance(words: int, width: int) -> str:
    """Which of `words` stored patterns differs from the key in the fewest bits."""
    pick, count = (words - 1).bit_length(), width.bit_length()
    lines = []
    for k in range(words):
        ones = " + ".join(f"x{k}[{b}]" for b in range(width))
        lines.append(
            f"reg [{width - 1}:0] r{k}; always @(posedge clk) if (we && wa == {k}) r{k} <= d;\n"
            f"wire [{width - 1}:0] x{k} = r{k} ^ key; wire [{count - 1}:0] n{k} = {ones};\n"
            f"wire [{count + pick - 1}:0] b{k} = "
            + (
                f"(n{k} < b{k - 1}[{count + pick - 1}:{pick}]) ? {{n{k}, {pick}'d{k}}} : b{k - 1};"
                if k
                else f"{{n0, {pick}'d0}};"
            )
        )
    body = "\n".join(lines) + f"\nwire [{count + pick - 1}:0] y = b{words - 1};"
    return _module({"d": width, "we": 1, "wa": pick, "key": width}, count + pick, body)


def field_product(bits: int) -> str:
    """A product in a binary field: every output bit is an exclusive or of many products."""
    poly = {16: 0x2B, 20: 0x9, 24: 0x87}.get(bits, 0x1B)
    body = (
        f"reg [{bits - 1}:0] y, z; integer k;\nalways @* begin y = 0; z = a; for (k = 0; k < {bits}; k = k + 1) begin\n"
        f"  if (b[k]) y = y ^ z; z = {{z[{bits - 2}:0], 1'b0}} ^ (z[{bits - 1}] ? {bits}'d{poly} : {bits}'d0); end end"
    )
    return _module({"a": bits, "b": bits}, bits, body)


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
    return _module({"a": side * width, "b": side * width, "clear": 1}, side * side * out, body)


def random_logic(gates: int, inputs: int) -> str:
    """A random network of gates, most inputs from gates made shortly before: glue logic."""
    rng, names = random.Random(gates), [f"a[{k}]" for k in range(inputs)]
    lines = []
    for k in range(gates):
        x, y, z = (
            names[max(0, len(names) - 1 - int(rng.expovariate(1 / 60)))] if rng.random() < 0.85 else rng.choice(names)
            for _ in "xyz"
        )
        form = rng.choice(("{x} & {y}", "~({x} | {y})", "{x} ^ {y}", "{x} ? {y} : {z}", "~({x} & {y} | {z})"))
        lines.append(f"wire g{k} = {form.format(x=x, y=y, z=z)};")
        names.append(f"g{k}")
    outputs = ", ".join(rng.sample(names[inputs:], inputs))
    return _module({"a": inputs}, inputs, "\n".join(lines) + f"\nwire [{inputs - 1}:0] y = {{{outputs}}};")


DESIGNS: dict[str, Callable[[], str]] = {
    "mul7": lambda: multiplier(7),
    "mul8": lambda: multiplier(8),
    "rot16": lambda: rotator(16),
    "xbar8x3": lambda: crossbar(8, 3),
    "xbar12x2": lambda: crossbar(12, 2),
    "sort8x2": lambda: sorter(8, 2),
    "perm16x2": lambda: permutation(16, 2),
    "perm32x1": lambda: permutation(32, 1),
    "rf12x4": lambda: register_file(12, 4),
    "cam8x8": lambda: matcher(8, 8),
    "fir4": lambda: fir(4, 6),
    "sbox1": lambda: substitution(1),
    "hash9": lambda: hash_round(9),
    "fft3": lambda: butterfly(3),
    "alu12": lambda: alu(12),
    "crc24": lambda: crc(24, 24),
    "arb16x8": lambda: arbiter(16, 8),
    "ham6x8": lambda: distance(6, 8),
    "gf16": lambda: field_product(16),
    "mac2x3": lambda: systolic(2, 3),
    "glue600": lambda: random_logic(600, 32),
}
"""The designs by name."""

TINY: dict[str, Callable[[], str]] = {"tiny": lambda: alu(4)}
"""A design that goes through the whole flow in about a second."""
