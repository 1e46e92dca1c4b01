"""The frame of every design: one module with a clock and registered outputs."""

from __future__ import annotations


def module(inputs: dict[str, int], output: int, body: str) -> str:
    """A module whose wire `y` of `output` bits is registered into the port `q`."""
    ports = ", ".join(f"input [{width - 1}:0] {name}" for name, width in inputs.items())
    head = f"module top(input clk, {ports}, output reg [{output - 1}:0] q);"
    return f"{head}\n{body}\nalways @(posedge clk) q <= y;\nendmodule\n"
