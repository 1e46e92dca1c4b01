import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

import gymnasium
from gymnasium import spaces

from appnas.agent import frames
from appnas.agent.observations import ChannelsFirst, Seen, is_frame, layout, reading

FIRST, LAST = "channels_first", "channels_last"


class Still(gymnasium.Env):
    """Shows what it was given."""

    action_space = spaces.Discrete(2)

    def __init__(self, space, shown=None):
        self.observation_space, self.shown = space, shown

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample() if self.shown is None else self.shown, {}

    def step(self, action):
        return self.reset()[0], 0.0, True, False, {}


@pytest.mark.parametrize(
    ("shape", "order"),
    [((3, 64, 64), FIRST), ((64, 64, 3), LAST), ((210, 160, 3), LAST), ((4, 24, 40), FIRST), ((10, 10, 4), LAST),
     ((1, 16, 16), FIRST), ((17, 31, 3), LAST), ((40, 40, 12), LAST)],
)  # fmt: skip
def test_layouts_that_the_shape_tells(shape, order):
    assert layout(shape) == order


@pytest.mark.parametrize("shape", [(10, 10, 10), (7, 7, 20), (20, 7, 7), (3, 64, 3), (64, 3, 64), (16, 16, 16)])
def test_layouts_that_are_asked_for(shape):
    """Channels on both sides, on none, or a square that says otherwise than the smallest axis."""
    with pytest.raises(ValueError, match=r"layout='channels_first' or layout='channels_last'"):
        layout(shape)
    assert layout(shape, LAST) == LAST and layout(shape, FIRST) == FIRST
    with pytest.raises(ValueError, match="'channels_last', got 'HWC'"):
        layout(shape, "HWC")


def test_booleans_channels_last():
    """MinAtar's: bytes of 0 and 255, the channels in front."""
    shown = np.random.default_rng(0).random((10, 10, 4)) < 0.3
    env = frames(Still(spaces.Box(0, 1, (10, 10, 4), np.bool_), shown))
    assert isinstance(env.observation_space, ChannelsFirst) and env.observation_space.shape == (4, 10, 10)
    out, _ = env.reset()
    assert (
        out.dtype == np.uint8 and np.array_equal(out, 255 * shown.transpose(2, 0, 1)) and out in env.observation_space
    )


def test_scales_by_the_bounds():
    small = reading(spaces.Box(0, 10, (8, 8, 3), np.uint8))
    assert small(np.full((8, 8, 3), 10, np.uint8)).max() == 255 and small(np.full((8, 8, 3), 4, np.uint8)).max() == 102
    centred = reading(spaces.Box(-1, 1, (8, 8, 3), np.float32))
    assert centred.space.dtype == np.float32 and (centred(np.zeros((8, 8, 3), np.float32)) == 0.5).all()
    wide = spaces.Box(-np.inf, np.inf, (8, 8, 3), np.float32)
    with pytest.raises(ValueError, match=r"bounds=\(low, high\)"):
        reading(wide)
    assert (reading(wide, bounds=(-2, 2))(np.ones((8, 8, 3), np.float32)) == 0.75).all()
    same = reading(spaces.Box(0, 255, (8, 8, 3), np.uint8))
    x = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    assert np.array_equal(same(x), x.transpose(0, 3, 1, 2))


def test_grey_frames_and_stacks():
    grey = reading(spaces.Box(0, 255, (9, 12), np.uint8))
    x = np.arange(108, dtype=np.uint8).reshape(9, 12)
    assert np.array_equal(grey(x), x[None]) and grey(np.stack([x, x])).shape == (2, 1, 9, 12)
    stacked = reading(spaces.Box(0, 255, (2, 9, 12, 3), np.uint8))
    y = np.random.default_rng(0).integers(0, 256, (2, 9, 12, 3), dtype=np.uint8)
    assert np.array_equal(stacked(y), np.concatenate([y[0].transpose(2, 0, 1), y[1].transpose(2, 0, 1)]))


def test_floats_where_bytes_would_be_misread():
    """SB3 takes the smallest axis for the channels of bytes, and leaves floats alone."""
    many = reading(spaces.Box(0, 1, (7, 7, 20), np.bool_), LAST)
    assert many.space.shape == (20, 7, 7) and many.space.dtype == np.float32
    assert many(np.ones((7, 7, 20), np.bool_)).max() == 1
    again = reading(many.space)  # what is known stays known
    assert again.order == FIRST and again.space.shape == (20, 7, 7)


def test_dictionaries():
    image, speed = spaces.Box(0, 1, (10, 10, 4), np.bool_), spaces.Box(-5, 5, (3,), np.float32)
    env = frames(Still(spaces.Dict(image=image, speed=speed, mission=spaces.Text(5))), keys=("image", "speed"))
    shown, _ = env.reset()
    assert set(shown) == {"image", "speed"} and shown["image"].shape == (4, 10, 10) and shown["speed"].shape == (3,)
    assert shown in env.observation_space
    with pytest.raises(ValueError, match=r"'mission' \(Text\): leave it out.*keys=\('image',\)"):
        frames(Still(spaces.Dict(image=image, mission=spaces.Text(5))))
    with pytest.raises(ValueError, match="no observation 'frame', there are: 'image'"):
        frames(Still(spaces.Dict(image=image)), keys=("frame",))
    with pytest.raises(ValueError, match="keys are those of a dictionary"):
        Seen(image, None, None, ("image",))


def test_what_is_no_frame():
    assert is_frame(spaces.Box(0, 1, (5, 4))) and not is_frame(spaces.Box(0, 1, (5, 4)), alone=False)
    assert is_frame(spaces.Box(0, 255, (50, 40), np.uint8), alone=False) and not is_frame(spaces.Discrete(3))
    with pytest.raises(ValueError, match="2 to 4 axes"):
        frames(Still(spaces.Box(-1, 1, (4,))))


WAY = spaces.Discrete(4)


@pytest.mark.parametrize("space", [spaces.Tuple((WAY,)), spaces.Text(5), spaces.Sequence(WAY)])
def test_observations_without_axes(space):
    with pytest.raises(ValueError, match=r"2 to 4 axes .* as a Box or in a Dict.*got (Tuple|Text|Sequence)"):
        frames(Still(space))
