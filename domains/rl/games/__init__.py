"""Games that come in packages of their own: MinAtar, MiniGrid, Atari, each an extra of this one.

Here belongs what makes such a game a domain: its frames, settings that are known to work, and what blind play is worth.
"""

from typing import TYPE_CHECKING

from appnas.support.lazy import lazily

if TYPE_CHECKING:
    from appnas.domains.rl.games.atari import Atari, AtariOptions
    from appnas.domains.rl.games.floors import FLOORS, about
    from appnas.domains.rl.games.minatar import MinAtar, MinAtarOptions
    from appnas.domains.rl.games.minigrid import MiniGrid, MiniGridOptions

__all__ = ["FLOORS", "Atari", "AtariOptions", "MinAtar", "MinAtarOptions", "MiniGrid", "MiniGridOptions", "about"]
__getattr__, __dir__ = lazily(__name__)
