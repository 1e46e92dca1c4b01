"""A network as one file of plain torch, which needs nothing of this package.

Here belongs what reads a traced network and writes source; what else an export holds is in `exporting` and `hub`.
"""

from appnas.retrain.plain.plain_source import plain_source

__all__ = ["plain_source"]
