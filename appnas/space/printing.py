"""Results in words: architectures as text, tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from appnas.space.encoding import words
from appnas.space.space import Arch, Space, describe


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Table:
    """A table whose first `left` columns hold words, the others numbers."""
    made = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i < left else "right", overflow="fold", no_wrap=i == 0)
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def drawing(space: Space, arch: Arch) -> str:
    """An architecture in words: node <- operation(state) by the space's `graph`, without one the options by name.

    Of a graph that is a row, the operations one after another.
    """
    draw = getattr(space, "graph", None)
    graphs = {} if draw is None else draw(arch)
    lines = []
    for name, graph in graphs.items():
        row = all(degree <= 1 for _, degree in (*graph.in_degree, *graph.out_degree))
        lines.append(f"{name}:")
        for node, own in graph.nodes(data="op"):
            terms = [(op, source) for source, _, op in graph.in_edges(node, data="op")]
            if row:
                lines += [f"  {' '.join(words(op))}" for op in (own, *(op for op, _ in terms)) if op]
            elif own:
                lines.append(f"  {node} <- {' '.join(words(own))} ({', '.join(source for _, source in terms)})")
            elif terms and all(op == "concat" for op, _ in terms):
                lines.append(f"  {node} <- concat({', '.join(source for _, source in terms)})")
            elif terms:
                lines.append(f"  {node} <- {' + '.join(f'{op}({source})' for op, source in terms)}")
    if not graphs:
        lines = [f"{name}: {' '.join(options)}" for name, options in describe(space.choices, arch).items()]
    return "\n".join(lines)
