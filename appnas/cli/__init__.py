"""The command line: `appnas list | search | resume | retrain | report | compare | export | bench | eda`.

Here belongs what reads flags and prints; what it does is done by the rooms below.
"""

from appnas.cli.app import main

__all__ = ["main"]
