"""Searches inside somebody else's training loop, such as an agent's of Stable-Baselines3.

Here belongs what goes around such a loop. The environments are in `appnas.domains.rl`. What needs Stable-Baselines3
is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from appnas.agent.in_loop import ArchAdam, Hosted, Resident, Tempered, masses

if TYPE_CHECKING:
    from appnas.agent.sb3 import ArchCallback, encoder_of, make_policy_kwargs, swap_encoder
    from appnas.agent.vec_observations import frames

__all__ = [
    "ArchAdam", "ArchCallback", "Hosted", "Resident", "Tempered", "encoder_of", "frames", "make_policy_kwargs",
    "masses", "swap_encoder",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """What is in `appnas.agent.sb3`, and `frames`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"appnas.agent.{'vec_observations' if name == 'frames' else 'sb3'}"), name)
