"""Labels from the reports of the tools that people have: DRC and congestion, put on the gcells of a placed design.

Here belongs what reads such reports, a module for each tool; `formats` tells them apart, `gcells` puts them on a grid,
`packing` joins files of several designs. Designs and their feature maps are in `appnas.domains.eda.flow`.
"""

from appnas.domains.eda.reports.formats import read
from appnas.domains.eda.reports.gcells import Labels, labelled, placement
from appnas.domains.eda.reports.marked import Marker, Report
from appnas.domains.eda.reports.packing import pack

__all__ = ["Labels", "Marker", "Report", "labelled", "pack", "placement", "read"]
