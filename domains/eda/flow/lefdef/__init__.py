"""LEF and DEF 5.8 as text, statement by statement: what a library and a placed design are, and how their files say it.

Here belongs what knows the two languages; `appnas.domains.eda.flow.design` makes a design of a DEF file, and what is
drawn or counted on it is in `maps`, `router` and `labels` beside. Lengths are micrometres throughout. Which statements
are read, counted or refused is listed in `domains/eda/files/LEFDEF.md`.
"""

from appnas.domains.eda.flow.lefdef.lef import read_lef
from appnas.domains.eda.flow.lefdef.placed import Access, Box, Design, Library, Macro, Patch, Pin, Wire
from appnas.domains.eda.flow.lefdef.shapes import rectangles, turned
from appnas.domains.eda.flow.lefdef.text import Tokens, parts, read, sections, words

__all__ = [
    "Access", "Box", "Design", "Library", "Macro", "Patch", "Pin", "Tokens", "Wire", "parts", "read", "read_lef",
    "rectangles", "sections", "turned", "words",
]  # fmt: skip
