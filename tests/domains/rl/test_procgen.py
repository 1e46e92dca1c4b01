import json

import pytest

pytest.importorskip("procgen", reason="the extra `rl` is not installed")

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
    monkeypatch.setattr(module, "need", lambda *packages: (_ for _ in ()).throw(ImportError(f"{packages} appnas[rl]")))
    with pytest.raises(ImportError, match="rl"):
        Procgen(small())
