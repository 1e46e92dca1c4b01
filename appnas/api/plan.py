"""What a search is asked for besides its space, its domain and its method: for the call and for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from appnas.compute import Precision
from appnas.support import IN_A_ROW, SHARE, check, typed


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """What every search has, whatever its method. See `appnas.search`."""

    seed: int = 0
    """Seed of the first search."""
    seeds: int = 1
    """Number of searches; the best one is the result."""
    rank_epochs: int = 0
    """Choose among the seeds by validation after so many epochs from scratch; 0: by the search's own value."""
    control: bool = False
    """Run random search at equal budget beside it; retraining then trains what that found, too."""
    workers: int = 0
    """Evaluate so many architectures at once, each in a process of its own; 0 for one after another."""
    asks: int = 0
    """Architectures that workers are asked for at once; 0 for as many as workers."""
    cluster: bool = False
    """The workers are those of a Ray cluster."""
    timeout: float = 0.0
    """Seconds that the evaluation of one architecture may take, in a worker; then it has failed. 0: no limit."""
    max_failures: int = IN_A_ROW
    """Different architectures that may fail one after another before the search ends."""
    max_failure_share: float = SHARE
    """Share of all evaluations that may fail, looked at once there are 20."""
    device: str = "auto"
    """What trains networks: a device of torch such as cuda:0, or auto for the accelerator if there is one, else cpu."""
    precision: Precision = "32"
    """Of networks in training: 32 bits, tf32 (NVIDIA's cards from Ampere on), bf16 or 16; measurements are in 32."""
    compile: bool = False
    """Let torch compile networks, which takes minutes at first and may pay on accelerators; not single paths."""
    processes: int = 1
    """Processes that train every network together, each on its share of a batch; start so many by torchrun."""
    norms: Literal["own", "synchronised"] = "synchronised"
    """Whether batch norms have the statistics of all processes' examples, or each process's of its own."""
    retrain_epochs: int = 0
    """Then train what was found from scratch for so many epochs, and test it; 0 to do so later."""
    beside: tuple[str, ...] = ()
    """Controls of that training: "random", or an operation that is then taken everywhere."""


@dataclass(frozen=True, kw_only=True)
class Plan(SearchOptions):
    """The same with the method and its configuration, checked."""

    method: str
    config: Any

    def __post_init__(self) -> None:
        """Check the numbers."""
        typed("seed", int, self.seed)
        typed("seeds", int, self.seeds)
        if abs(self.seed) + self.seeds > 2**62:
            raise ValueError(f"seeds lie between -2^62 and 2^62, got seed={self.seed}, seeds={self.seeds}")
        typed("compile", bool, self.compile)
        check(self, seeds=1, rank_epochs=0, retrain_epochs=0, workers=0, asks=0, processes=1)
        if self.processes > 1 and (self.workers or self.timeout or self.cluster):
            raise ValueError(
                "several processes train one network together, workers evaluate one each: give processes or workers"
                f" (timeout, cluster), got processes={self.processes}, workers={self.workers}, timeout={self.timeout:g}"
            )
