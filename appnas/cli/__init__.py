"""The command line: `appnas list | show | search | resume | retrain | report | compare | export | bench | eda`.

Here belongs what reads flags and prints; what it does is done by the rooms below.
"""

from appnas.cli.quick.start import main

__all__ = ["main"]
