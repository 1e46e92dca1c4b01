"""What architectures and gates are worth under the weights of one supernet, trained or not.

Here belong evaluators with a supernet: weight sharing, single paths, zero-cost proxies, the angle metric. How
supernets are built is in `appnas.supernet`.
"""

from appnas.one_shot.angle_metric import Angles, Skip
from appnas.one_shot.expected_loss import Expected, LossTerm
from appnas.one_shot.generalisation_gap import Paired
from appnas.one_shot.inner_loop import Adapted
from appnas.one_shot.proxies import PROXIES, Probe
from appnas.one_shot.single_path import Alone, OneShot
from appnas.one_shot.untrained import Combine, ZeroCost, rank_sum, vote
from appnas.one_shot.weight_sharing import Shared, SupernetSGD
from appnas.one_shot.zero_cost import AtInit, Proxy

__all__ = [
    "PROXIES", "Adapted", "Alone", "Angles", "AtInit", "Combine", "Expected", "LossTerm", "OneShot", "Paired", "Probe",
    "Proxy", "Shared", "Skip", "SupernetSGD", "ZeroCost", "rank_sum", "vote",
]  # fmt: skip
