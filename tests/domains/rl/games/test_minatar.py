import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")
pytest.importorskip("minatar", reason="the extra `minatar` is not installed")

import appnas
from appnas.domains.rl import MinAtar, MinAtarOptions
from appnas.run import catalogue
from appnas.spaces import Encoder

TINY = {"envs": 2, "rollout": 8, "batch": 8, "epochs": 1, "episodes": 2, "limit": 20}


@pytest.mark.parametrize(
    ("game", "channels"), [("asterix", 4), ("breakout", 4), ("freeway", 7), ("seaquest", 10), ("space_invaders", 6)]
)
def test_all_five_games(game, channels):
    """Ten channels of ten by ten pixels too, whose layout no shape tells."""
    domain = MinAtar(MinAtarOptions(game=game, **TINY))
    assert domain.io.inputs == (channels, 10, 10) and domain.io.outputs == (7,)
    (frames,) = domain.example(3)
    assert frames.shape == (3, channels, 10, 10) and set(frames.unique().tolist()) == {0.0, 1.0}


def test_searches_by_name():
    domain = catalogue.domain("minatar:breakout", MinAtarOptions(**TINY))
    space = Encoder(channels=(2,), width=(2,), nodes=2, cells=1, depth=1, hidden=4, norm="group")
    result = appnas.search(space, domain, "rl_darts", steps=1, scale=3.0)
    assert result.domain.catalogue_name == "minatar:breakout"
    with pytest.raises(ValueError, match="did you mean 'breakout'"):
        catalogue.domain("minatar:brekout")
