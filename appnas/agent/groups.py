"""Groups of parameters with learning rates of their own, in whichever of torch's optimisers an agent has.

Hosts write their schedule's learning rate into every group before they train. Here a group has a scale besides, another
entry that no schedule touches: it is applied inside `step`, and saved and loaded with the optimiser.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
from torch import nn

UNSHARED = (
    "this agent trains {} encoders with logits of their own, which need not agree: give share_features_extractor=True,"
    " so that policy and value share one"
)


class Grouped(torch.optim.Optimizer):
    """Stands before an optimiser among the bases of a class: `class ArchAdam(Grouped, Adam)`; or ask `grouped`.

    A parameter's scale is its attribute `lr_scale`, else 1, or `scale` for logits, which are marked `is_arch`. Logits
    make the last group and bear no weight decay. A group whose scale is 0 rests: its moments do not move either.

    Args:
        params: parameters.
        given: what the optimiser takes.
        scale: learning rate of logits that say nothing themselves, in multiples of the optimiser's.
        settings: what the optimiser takes by name.

    Raises:
        ValueError: a scale below 0; logits of several supernets, two encoders of one agent, which need not agree; what
            the optimiser itself refuses, as LBFGS does groups.
    """

    def __init__(self, params: Iterable[nn.Parameter], *given: Any, scale: float = 1.0, **settings: Any):
        if not scale >= 0:
            raise ValueError(f"the scale of the architecture's learning rate is at least 0, got {scale}")
        super().__init__(_groups(params, scale), *given, **settings)

    def turn(self) -> bool | None:
        """Who rests besides, whatever their scale: True for logits, False for weights, None for nobody.

        Whoever trains in turns replaces it on the optimiser. It is no entry of the groups, which are saved.
        """
        return None

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of all groups that do not rest."""
        rates, turn = [group["lr"] for group in self.param_groups], self.turn()
        scales = [0.0 if of_logits(group) == turn else group["lr_scale"] for group in self.param_groups]
        pairs = list(zip(self.param_groups, scales, strict=True))
        resting = [p for group, scale in pairs if scale == 0 for p in group["params"]]
        gradients = [p.grad for p in resting]
        for group, scale in pairs:
            group["lr"] = group["lr"] * scale
        for parameter in resting:
            parameter.grad = None
        try:
            return super().step(closure)
        finally:
            for group, rate in zip(self.param_groups, rates, strict=True):
                group["lr"] = rate
            for parameter, gradient in zip(resting, gradients, strict=True):
                parameter.grad = gradient


def of_logits(group: dict[str, Any]) -> bool:
    """Whether a group of an optimiser holds logits."""
    return any(getattr(p, "is_arch", False) for p in group["params"])


def _groups(params: Iterable[nn.Parameter], scale: float) -> list[dict[str, Any]]:
    found: dict[tuple[bool, float], list[nn.Parameter]] = {(False, 1.0): []}
    owners = set()
    for p in params:
        if arch := bool(getattr(p, "is_arch", False)):
            owners.add(getattr(p, "owner", 0))
        found.setdefault((arch, float(getattr(p, "lr_scale", scale if arch else 1.0))), []).append(p)
    if len(owners) > 1:
        raise ValueError(UNSHARED.format(len(owners)))
    return [
        {"params": own, "lr_scale": rate, **({"weight_decay": 0.0} if arch else {})}
        for (arch, rate), own in sorted(found.items(), key=lambda item: item[0][0])
    ]


class _Made(type):
    """The classes that `grouped` makes: pickled as the optimiser that they are made of."""

    alone: type[torch.optim.Optimizer]


@cache
def grouped(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """An optimiser with its settings and defaults as they are, and groups."""
    if issubclass(kind, Grouped):
        return kind
    made: Any = _Made(f"Grouped{kind.__name__}", (Grouped, kind), {"alone": kind})
    return made  # type: ignore[no-any-return]


def alone(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """The optimiser that `grouped` was given."""
    made: Any = kind
    return made.alone if isinstance(kind, _Made) else kind


def _reduced(made: Any) -> tuple[Any, ...]:
    return grouped, (made.alone,)


copyreg.pickle(_Made, _reduced)
