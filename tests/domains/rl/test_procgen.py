import json

import numpy as np
import pytest

pytest.importorskip("procgen", reason="the extra `procgen` is not installed")

from appnas.domains.rl import GAMES, Procgen, ProcgenOptions
from appnas.domains.rl import procgen as module


def small(**more) -> ProcgenOptions:
    return ProcgenOptions(**{"envs": 2, "rollout": 8, "batch": 8, "epochs": 1, "episodes": 2, "shrink": 4, **more})


@pytest.mark.parametrize("game", GAMES)
def test_all_sixteen_games_run(game):
    domain = Procgen(small(game=game))
    assert domain.io.inputs == (3, 16, 16) and domain.io.outputs == (16,)
    (frames,) = domain.example(2)
    assert frames.shape == (2, 3, 16, 16) and 0 <= frames.min() < frames.max() <= 1
    assert domain.chance == GAMES[game].easy[0]


def test_ranges_are_those_of_the_authors(data):
    file = data / "procgen" / "ppo_impala_scores.json"
    published = json.loads(file.read_text())
    for mode in ("easy", "hard"):
        ranges = {name: tuple(r) for name, r in published[f"ranges_{mode}"].items()}
        assert {name: getattr(r, mode) for name, r in GAMES.items()} == ranges


def test_levels(monkeypatch):
    """Training and scoring on the training levels, the test on all; hard mode; three different orders of levels."""
    from appnas.domains.rl import vectors

    seen = []
    real = vectors.ProcgenVec

    def watch(count, game, mode, levels, start, seed, plain):
        seen.append((mode, levels, start, seed))
        return real(count, game, mode, levels, start, seed, plain)

    domain = Procgen(small(mode="hard", levels=500, shrink=1, plain=True))
    monkeypatch.setattr(vectors, "ProcgenVec", watch)
    for split in ("train", "score", "test"):
        domain.make(split, 2, 5).close()
    assert seen == [("hard", 500, 0, 15), ("hard", 500, 0, 16), ("hard", 0, 0, 17)]
    assert domain.normal() == GAMES["coinrun"].hard and domain.io.inputs == (3, 64, 64)


def test_normalised_return(monkeypatch):
    domain = Procgen(small())
    monkeypatch.setattr(domain, "_play", lambda *arguments: [5.0, 10.0])
    assert domain.test(Nobody()) == {"return": 7.5, "return_sd": 2.5, "normalised": 0.5}


class Nobody:
    def eval(self):
        return self


def test_a_misspelt_game_and_a_missing_package(monkeypatch):
    with pytest.raises(ValueError, match=r"no game 'coinrum'.*did you mean 'coinrun'"):
        ProcgenOptions(game="coinrum")
    with pytest.raises(ValueError, match="mode"):
        ProcgenOptions(mode="medium")
    monkeypatch.setattr(
        module, "need", lambda *packages, extra: (_ for _ in ()).throw(ImportError(f"{packages} appnas[{extra}]"))
    )
    with pytest.raises(ImportError, match=r"appnas\[procgen\]"):
        Procgen(small())


def test_modes_that_a_game_lacks():
    """Procgen would end the process."""
    for mode, game in (("extreme", "coinrun"), ("memory", "bigfish"), ("exploration", "chaser")):
        with pytest.raises(ValueError, match=f"the mode '{mode}' is one of .*{game} has 'easy'"):
            small(mode=mode, game=game)
    for mode, game in (("extreme", "chaser"), ("memory", "maze"), ("exploration", "coinrun")):
        domain = Procgen(small(mode=mode, game=game))
        assert domain.normal() is None and domain.io.inputs == (3, 16, 16)


def test_levels_are_told_and_counted_from_the_first():
    """Episodes name their level; one of three, from the fifth on."""
    domain = Procgen(small(game="fruitbot", levels=3, start_level=5, shrink=1))
    env = domain.make("train", 2, 0)
    env.reset()
    seen, complete, ended = set(), set(), 0
    for _ in range(200):
        _, _, dones, infos = env.step(np.full(2, 4))
        seen |= {info["level_seed"] for info in infos}
        complete |= {info["prev_level_complete"] for info in infos}
        for i in np.flatnonzero(dones):
            ended += 1
            assert infos[i]["prev_level_seed"] in (5, 6, 7) and type(infos[i]["prev_level_seed"]) is int
    env.close()
    assert seen <= {5, 6, 7} and ended and complete <= {0, 1}


def test_procgens_own_options(monkeypatch):
    from appnas.domains.rl import vectors

    seen = {}
    monkeypatch.setattr(vectors, "ProcgenVec", lambda *_, **more: seen.update(more))
    own = {"use_sequential_levels": True, "center_agent": False, "paint_vel_info": True, "use_monochrome_assets": True}
    domain = Procgen.__new__(Procgen)
    domain.options = small(shrink=1, **own)
    domain.make("train", 2, 0)
    assert seen == own
    monkeypatch.undo()
    for options in (own, {"restrict_themes": True, "use_backgrounds": False, "use_generated_assets": True}):
        assert Procgen(small(shrink=1, **options)).io.inputs == (3, 64, 64)
