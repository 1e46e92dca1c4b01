"""Registers that are written and searched: nets of large fan-out."""

from __future__ import annotations

from appnas.domains.eda.flow.rtl.modules import module


def _register(k: int, width: int, when: str) -> str:
    """The word `k`, which takes what is at the port `d` at a clock's edge, under a condition."""
    return f"reg [{width - 1}:0] r{k}; always @(posedge clk) if ({when}) r{k} <= d;"


def _addressed(k: int, width: int) -> str:
    """The same, written by its address."""
    return _register(k, width, f"we && wa == {k}")


def register_file(words: int, width: int) -> str:
    """One write port, two read ports."""
    pick = (words - 1).bit_length()
    regs = "\n".join(_addressed(k, width) for k in range(words))
    flat = ", ".join(f"r{k}" for k in reversed(range(words)))
    body = (
        f"{regs}\nwire [{words * width - 1}:0] all = {{{flat}}};\n"
        f"wire [{words * width - 1}:0] p = all >> (ra * {width});\n"
        f"wire [{words * width - 1}:0] o = all >> (rb * {width});\n"
        f"wire [{2 * width - 1}:0] y = {{p[{width - 1}:0], o[{width - 1}:0]}};"
    )
    return module({"d": width, "we": 1, "wa": pick, "ra": pick, "rb": pick}, 2 * width, body)


def matcher(words: int, width: int) -> str:
    """A content-addressable memory: which stored words equal the key under a mask."""
    pick = (words - 1).bit_length()
    lines = [f"{_addressed(k, width)}\nwire m{k} = ((r{k} ^ key) & mask) == 0;" for k in range(words)]
    flat = ", ".join(f"m{k}" for k in reversed(range(words)))
    body = "\n".join(lines) + f"\nwire [{words - 1}:0] y = {{{flat}}};"
    return module({"d": width, "we": 1, "wa": pick, "key": width, "mask": width}, words, body)


def distance(words: int, width: int) -> str:
    """Which of `words` stored patterns differs from the key in the fewest bits."""
    pick, count = (words - 1).bit_length(), width.bit_length()
    lines = []
    for k in range(words):
        ones = " + ".join(f"x{k}[{b}]" for b in range(width))
        lines.append(
            f"{_addressed(k, width)}\nwire [{width - 1}:0] x{k} = r{k} ^ key; wire [{count - 1}:0] n{k} = {ones};\n"
            f"wire [{count + pick - 1}:0] b{k} = "
            + (
                f"(n{k} < b{k - 1}[{count + pick - 1}:{pick}]) ? {{n{k}, {pick}'d{k}}} : b{k - 1};"
                if k
                else f"{{n0, {pick}'d0}};"
            )
        )
    body = "\n".join(lines) + f"\nwire [{count + pick - 1}:0] y = b{words - 1};"
    return module({"d": width, "we": 1, "wa": pick, "key": width}, count + pick, body)


def queue(depth: int, width: int) -> str:
    """A first-in-first-out buffer in registers: one bus writes them all, one selector reads them."""
    pick = (depth - 1).bit_length()
    cells = "\n".join(_register(k, width, f"put & ~full & (w[{pick - 1}:0] == {k})") for k in range(depth))
    flat = ", ".join(f"r{k}" for k in reversed(range(depth)))
    body = (
        f"reg [{pick}:0] w, r; wire empty = w == r, full = w == {{~r[{pick}], r[{pick - 1}:0]}};\n"
        f"always @(posedge clk) begin w <= clear ? 0 : w + (put & ~full); r <= clear ? 0 : r + (get & ~empty); end\n"
        f"{cells}\nwire [{depth * width - 1}:0] all = {{{flat}}};\n"
        f"wire [{depth * width - 1}:0] p = all >> (r[{pick - 1}:0] * {width});\n"
        f"wire [{width + 1}:0] y = {{full, empty, p[{width - 1}:0]}};"
    )
    return module({"d": width, "put": 1, "get": 1, "clear": 1}, width + 2, body)
