"""Pages and pictures of a run: self-contained HTML, PNG.

Here belongs what people look at; nothing here computes a result.
"""

from appnas.report.showcase import picture
from appnas.report.shown.gallery import gallery
from appnas.report.story import Story, read
from appnas.report.writer import render, write

__all__ = ["Story", "gallery", "picture", "read", "render", "write"]
