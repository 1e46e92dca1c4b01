"""Ciphers' parts, codes and glue logic: dense, with little order in their wires."""

from __future__ import annotations

import random

from appnas.domains.eda.flow.rtl.modules import module


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
    return module(
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
    return module({**dict.fromkeys(names, width), "k": width}, 8 * width, body)


def crc(width: int, data: int) -> str:
    """A cyclic redundancy check that takes `data` bits a cycle."""
    poly = random.Random(width).getrandbits(width) | 1
    body = (
        f"reg [{width - 1}:0] y; integer k;\nalways @* begin y = q ^ seed; for (k = 0; k < {data}; k = k + 1)\n"
        f"  y = {{y[{width - 2}:0], 1'b0}} ^ ((y[{width - 1}] ^ d[k]) ? {width}'d{poly} : {width}'d0); end"
    )
    return module({"d": data, "seed": width}, width, body)


def field_product(bits: int) -> str:
    """A product in a binary field: every output bit is an exclusive or of many products."""
    poly = {16: 0x2B, 20: 0x9, 24: 0x87}.get(bits, 0x1B)
    body = (
        f"reg [{bits - 1}:0] y, z; integer k;\nalways @* begin y = 0; z = a; for (k = 0; k < {bits}; k = k + 1) begin\n"
        f"  if (b[k]) y = y ^ z; z = {{z[{bits - 2}:0], 1'b0}} ^ (z[{bits - 1}] ? {bits}'d{poly} : {bits}'d0); end end"
    )
    return module({"a": bits, "b": bits}, bits, body)


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
    return module({"a": inputs}, inputs, "\n".join(lines) + f"\nwire [{inputs - 1}:0] y = {{{outputs}}};")


def lookup(inputs: int, outputs: int) -> str:
    """A random table, as a read-only memory made of gates."""
    rng = random.Random(inputs * 100 + outputs)
    cases = " ".join(f"{inputs}'d{i}: y = {outputs}'d{rng.getrandbits(outputs)};" for i in range(1 << inputs))
    return module({"a": inputs}, outputs, f"reg [{outputs - 1}:0] y; always @* case (a) {cases} endcase")


def machine(states: int, inputs: int, outputs: int) -> str:
    """A random state machine: every state tests two inputs, goes to one of four states and gives an output."""
    rng, bits = random.Random(states * 100 + inputs), (states - 1).bit_length()
    rows = []
    for k in range(states):
        first, second = rng.sample(range(inputs), 2)
        ways = [f"{bits}'d{rng.randrange(states)}" for _ in range(4)]
        rows.append(
            f"{bits}'d{k}: begin n = a[{first}] ? (a[{second}] ? {ways[0]} : {ways[1]})"
            f" : (a[{second}] ? {ways[2]} : {ways[3]});"
            f" y = {outputs}'d{rng.getrandbits(outputs)} ^ {{{outputs}{{a[{rng.randrange(inputs)}]}}}}; end"
        )
    body = (
        f"reg [{bits - 1}:0] s, n; reg [{outputs - 1}:0] y; always @(posedge clk) s <= clear ? 0 : n;\n"
        f"always @* case (s) {' '.join(rows)} default: begin n = 0; y = 0; end endcase"
    )
    return module({"a": inputs, "clear": 1}, outputs, body)


def automaton(width: int, steps: int) -> str:
    """Steps of a cellular automaton on a ring (rule 30 and rule 90 in turn): a stencil, all wires are short."""
    lines = [f"wire [{width - 1}:0] s0 = a ^ q;"]
    for k in range(steps):
        left, right = f"{{s{k}[{width - 2}:0], s{k}[{width - 1}]}}", f"{{s{k}[0], s{k}[{width - 1}:1]}}"
        rule = f"{left} ^ (s{k} | {right})" if k % 2 == 0 else f"{left} ^ {right} ^ (s{k} & a)"
        lines.append(f"wire [{width - 1}:0] s{k + 1} = {rule};")
    return module({"a": width}, width, "\n".join(lines) + f"\nwire [{width - 1}:0] y = s{steps};")
