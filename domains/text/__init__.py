"""Language modelling: truncated back-propagation, perplexity; named texts and files.

Here belongs what knows text as data; spaces for it are in `appnas.spaces.text`.
"""

from appnas.domains.text.data import SMALL, FolderOptions, folder, pydoc, shakespeare
from appnas.domains.text.domain import RECIPE, Options, Text

__all__ = ["RECIPE", "SMALL", "FolderOptions", "Options", "Text", "folder", "pydoc", "shakespeare"]
