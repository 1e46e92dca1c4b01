"""Pages and pictures of a run: self-contained HTML, PNG.

Here belongs what people look at; nothing here computes a result.
"""

from appnas.report.findings import falls, primary, unit
from appnas.report.showcase import picture
from appnas.report.story import Story, read
from appnas.report.writer import write

__all__ = ["Story", "falls", "picture", "primary", "read", "unit", "write"]
