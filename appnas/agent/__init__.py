"""Searches inside somebody else's training loop, such as an agent's of Stable-Baselines3.

Here belongs what goes around such a loop. The environments are in `appnas.domains.rl`. What needs Stable-Baselines3
is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from appnas.agent.in_loop import ArchAdam, Hosted, Resident, Tempered, masses
from appnas.support.lazy import lazily

if TYPE_CHECKING:
    from appnas.agent.encoder_file import load_encoder, read_encoder, save_encoder, shipped
    from appnas.agent.features import Features
    from appnas.agent.sb3 import ArchCallback, encoder_of, make_policy_kwargs, swap_encoder
    from appnas.agent.vec_observations import frames
    from appnas.agent.weights import save_weights

__all__ = [
    "ArchAdam", "ArchCallback", "Features", "Hosted", "Resident", "Tempered", "encoder_of", "frames", "load_encoder",
    "make_policy_kwargs", "masses", "read_encoder", "save_encoder", "save_weights", "shipped", "swap_encoder",
]  # fmt: skip
__getattr__, __dir__ = lazily(__name__)
