"""appnas.spaces.images.accelbench: networks of MnasNet's frame with what six accelerators say of them."""

import numpy as np
import pytest

from appnas.cost import counts
from appnas.space import IO
from appnas.spaces import Mnas
from appnas.spaces.images.accelbench import load


def test_missing_data_are_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="APPNAS_DATA"):
        load(tmp_path)


def test_the_data(data):
    found = load(data / "accel_nasbench_mnasnet")
    assert len(found.archs) == len(found.blocks) == 5138 and len(set(found.archs)) == 5125
    devices = {name.split("_")[0] for name in found.columns if name.endswith(("_latency", "_throughput"))}
    assert devices == {"zcu102", "vck190", "3090", "a100", "tpuv2", "tpuv3"}
    assert all(len(column) == 5138 for column in found.columns.values())
    assert [len(choice.options) for choice in found.choices] == [3, 2, 4, 2]
    for arch in found.archs[:50]:
        assert all(0 <= k < len(found.choices[d // 7].options) for d, k in enumerate(arch))
    deep, latency = found.columns["macs"], found.columns["zcu102_latency"]
    known = np.isfinite(latency)
    assert np.corrcoef(deep[known], latency[known])[0, 1] > 0.5


def test_our_networks_have_their_weights(data):
    """To the last one: so the frame is theirs."""
    found = load(data / "accel_nasbench_mnasnet")
    for i in range(0, 5138, 700):
        network = Mnas().network(found.blocks[i], IO((3, 224, 224), (1000,)))
        assert counts.parameters(network) == round(float(found.columns["params"][i]))
