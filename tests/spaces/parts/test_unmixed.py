"""appnas.spaces.parts.unmixed: every space without a supernet says so in the same words, and names one that has one."""

import pytest

from appnas.space import IO
from appnas.spaces import GNN, SPACES, AlexNet, CondenseNet, Mnas
from appnas.spaces.parts import Unmixed


def test_it_is_the_base_of_those_without_a_supernet():
    assert {kind for kind in SPACES.values() if issubclass(kind, Unmixed)} == {GNN, AlexNet, CondenseNet, Mnas}


@pytest.mark.parametrize("kind", [GNN, AlexNet, CondenseNet, Mnas])
def test_the_error_names_another_space(kind):
    words = (
        rf"the space {kind.__name__} differ in width.*use the space {kind.mixed} with.*random, evolution or reinforce"
    )
    with pytest.raises(TypeError, match=words):
        kind().supernet(IO((3, 32, 32), (10,)))
    assert kind.mixed in SPACES and not issubclass(SPACES[kind.mixed], Unmixed)
