"""The ways in: `search` and `resume`, the checks before a search, its control, and the result with its verbs.

Here belongs what puts all rooms together for one call; nothing below imports it.
"""

from appnas.api.front import resume, search
from appnas.api.plan import SearchOptions
from appnas.api.result import Result

__all__ = ["Result", "SearchOptions", "resume", "search"]
