"""Of the best few of a search one: asked again, ranked, chosen.

Here belongs what decides after the search proper; the trainings are `appnas.estimate.ThenScratch`'s.
"""

from appnas.strategy.last_stage.choosing import By, chosen
from appnas.strategy.last_stage.finalists import Finalists
from appnas.strategy.last_stage.ranked import Ranked

__all__ = ["By", "Finalists", "Ranked", "chosen"]
