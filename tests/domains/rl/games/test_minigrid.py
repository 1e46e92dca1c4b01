import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")
pytest.importorskip("minigrid", reason="the extra `minigrid` is not installed")

from appnas.domains.rl import MiniGrid, MiniGridOptions


def test_what_the_agent_sees():
    """Of every field one kind, one colour, one state."""
    domain = MiniGrid(MiniGridOptions(game="Empty-5x5", envs=2, rollout=8, batch=8, episodes=2))
    assert domain.io.inputs == (21, 7, 7) and domain.io.outputs == (8,)
    (frames,) = domain.example(2)
    for start, end in ((0, 11), (11, 17), (17, 21)):
        assert (frames[:, start:end].sum(1) == 1).all()


def test_a_world_that_is_not_there():
    with pytest.raises(ValueError, match=r"no world 'doorkey-5'.*did you mean .*'DoorKey-5x5'"):
        MiniGrid(MiniGridOptions(game="doorkey-5"))
