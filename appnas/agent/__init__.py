"""Searches inside somebody else's training loop, such as an agent's of Stable-Baselines3.

Here belongs what goes around such a loop. The environments are in `appnas.domains.rl`. What needs Stable-Baselines3
is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from appnas.agent.in_loop import ArchAdam, Hosted, Resident, Tempered, masses

if TYPE_CHECKING:
    from appnas.agent.encoder_file import load_encoder, read_encoder, save_encoder, shipped
    from appnas.agent.features import Features
    from appnas.agent.sb3 import ArchCallback, make_policy_kwargs, swap_encoder

__all__ = [
    "ArchAdam", "ArchCallback", "Features", "Hosted", "Resident", "Tempered", "load_encoder", "make_policy_kwargs",
    "masses", "read_encoder", "save_encoder", "shipped", "swap_encoder",
]  # fmt: skip
FILES = ("load_encoder", "read_encoder", "save_encoder", "shipped")


def __getattr__(name: str) -> Any:
    """What is in `appnas.agent.encoder_file`, and `appnas.agent.sb3`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in FILES:
        from appnas.agent import encoder_file

        return getattr(encoder_file, name)
    from appnas.agent import sb3

    return getattr(sb3, name)
