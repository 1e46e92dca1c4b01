"""Policy-gradient estimators: pure functions that return losses to minimise."""

from __future__ import annotations

from torch import Tensor


def moving_average(average: float | None, value: float, momentum: float) -> float:
    """Momentum * average + (1 - momentum) * value; the first value starts the average."""
    return value if average is None else momentum * average + (1 - momentum) * value


def reinforce(logp: Tensor, reward: Tensor, baseline: float | Tensor, entropy: Tensor, bonus: float = 0.0) -> Tensor:
    """-mean[(R - b) log pi(a)] - bonus * mean H (Williams, 1992).

    Shapes:
        logp, reward, entropy: [n].
    """
    return -((reward - baseline) * logp).mean() - bonus * entropy.mean()


def ppo_clip(
    logp: Tensor, old_logp: Tensor, advantage: Tensor, entropy: Tensor, clip: float = 0.2, bonus: float = 0.0
) -> Tensor:
    """-mean min(r A, clip(r, 1 - c, 1 + c) A) - bonus * mean H (Schulman et al., arXiv 1707.06347, eq. 7).

    Shapes:
        logp, old_logp, advantage, entropy: [n].
    """
    ratio = (logp - old_logp).exp()
    clipped = ratio.clamp(1 - clip, 1 + clip)
    return -(ratio * advantage).minimum(clipped * advantage).mean() - bonus * entropy.mean()
