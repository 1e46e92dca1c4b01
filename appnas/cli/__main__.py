"""python -m appnas.cli: the same as the command appnas."""

import sys

from appnas.cli.quick.start import main

sys.exit(main())
