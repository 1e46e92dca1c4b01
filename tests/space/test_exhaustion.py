"""space.exhaustion: what was not proposed yet; every method of the catalogue on spaces that are soon exhausted."""

import random
from dataclasses import dataclass

import pytest
import torch

import appnas
from appnas.cli import show
from appnas.estimate import Table
from appnas.loop import Observer, search_loop
from appnas.methods import METHODS
from appnas.run import Run, create, read_json
from appnas.space import Choice, check, mutate, only, spent, unseen
from appnas.space.exhaustion import everything
from appnas.strategy import Draw, Evolution, Score
from appnas.support import ExhaustedError

pytestmark = [
    pytest.mark.filterwarnings("ignore::appnas.space.UnevenWarning"),
    pytest.mark.filterwarnings("ignore::appnas.predict.BlindWarning"),  # decisions are all there is to see
]

SMALL = {"hidden": 4, "epochs": 2, "batch": 8, "population": 6, "sample": 2, "iterations": 20, "width": 4,
         "listed": 500}  # fmt: skip
COUNTS = {"ctnas": {"labels": 40, "verify": 10}, "nao": {"start": 30, "rounds": 1, "new": 20, "largest": 30.0},
          "gcn_fit": {"pairs": 7, "segment": 2, "keep": 2}}  # fmt: skip
"""Those that do not count `evaluations`, about fifty too."""
NEW = {"ctnas", "nao"}
"""Methods that promise new architectures only."""


@dataclass(frozen=True)
class Few:
    """Eight decisions of three options, of which the rules allow a few combinations that have little in common."""

    archs: tuple = ()
    mask: object = None
    width: int = 8

    @property
    def choices(self):
        return (Choice("layer", ("a", "b", "c"), self.width),)

    def valid(self, arch):
        return tuple(arch) in self.archs

    def discretise(self, gates):
        rows = gates[0].mean(0) if gates[0].dim() == 3 else gates[0]
        return max(self.archs, key=lambda arch: float(sum(row[k] for row, k in zip(rows, arch, strict=True))))


def few(count, width=8):
    rng = random.Random(count)
    return Few(tuple(tuple(rng.randrange(3) for _ in range(width)) for _ in range(count)), width=width)


def masked():
    """One architecture, by mask."""
    arch = (0, 1, 2, 0, 1, 2, 0, 1)
    return Few((arch,), only(Few().choices, arch))


def table(space):
    count = len(space.archs)
    columns = {"accuracy": [float(i) for i in range(count)], "macs": [1e6] * count, "latency_ms": [9.0] * count}
    columns["early"] = [i / 2 for i in range(count)]
    return Table(space.archs, columns, "accuracy", budgets={9: "early", 27: "accuracy"})


def settings(method):
    fields = {field for field in METHODS[method].config.__dataclass_fields__}
    given = {name: value for name, value in SMALL.items() if name in fields}
    return given | COUNTS.get(method, {"evaluations": 50})


SPACES = {"one": few(1), "masked": masked(), "two": few(2), "five": few(5), "sparse": few(30), "large": few(30, 12)}


@pytest.mark.filterwarnings("ignore:.*brought nothing new")  # as it should be said
@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.needs == "scores"])
def test_every_method_ends_on_a_space_that_is_soon_exhausted(method, name, tmp_path):
    space = SPACES[name]
    result = appnas.search(space, table(space), method, out=tmp_path / "run", **settings(method))
    assert check(space, result.best) == result.best
    assert all(space.valid(record.arch) for record in result.history)
    total = 50 if method != "gcn_fit" else 7 * 7 + 1
    if method in NEW:
        assert len(result.history) == len(space.archs) == len({record.arch for record in result.history})
        assert result.best == space.archs[-1]
    assert bool(result.info.get("ended")) == (len(result.history) < total)
    again = appnas.resume(tmp_path / "run", space=space, domain=table(space))
    assert again.history == result.history and again.best == result.best
    assert again.info.get("ended") == result.info.get("ended") == read_json(tmp_path / "run/result.json").get("ended")


class KilledError(Exception):
    """In the middle of a search."""


@pytest.mark.parametrize("name", ["one", "five", "sparse"])
@pytest.mark.parametrize(
    "method", ["evolution", "ctnas", "nao", "gcn_fit", "agnn", "local_search", "bananas", "nsga2", "optuna"]
)
def test_killed_and_resumed_it_ends_alike(method, name, tmp_path):
    space = SPACES[name]
    config = METHODS[method].config(**settings(method))
    whole = METHODS[method].search(space, table(space), config)

    class Killer(Observer):
        def step(self, loop, record):
            if loop.step == min(7, len(whole.history)):
                raise KilledError

    path = create(tmp_path / "run", {})
    with pytest.raises(KilledError):
        METHODS[method].search(space, table(space), config, callbacks=[Run(path, every=0.0, events=False), Killer()])
    again = METHODS[method].search(space, table(space), config, callbacks=[Run(path, events=False)])
    assert again.history == whole.history and again.best == whole.best and again.info == whole.info
    third = METHODS[method].search(space, table(space), config, callbacks=[Run(path, events=False)])
    assert third.history == whole.history and third.info == whole.info


def test_what_is_left_is_found():
    space = few(5)
    seen = set(space.archs[:4])
    assert unseen(space, random.Random(0), seen) == space.archs[4]
    assert everything(space) == sorted(space.archs) and not spent(space, seen) and spent(space, space.archs)
    with pytest.raises(ExhaustedError, match="all of its 5 architectures were proposed"):
        unseen(space, random.Random(0), set(space.archs))
    with pytest.raises(ExhaustedError, match="it has one architecture"):
        unseen(masked(), random.Random(0), set(masked().archs))


def test_a_space_too_large_to_be_listed_is_exhausted_when_draws_say_so():
    space = few(3, 12)
    assert everything(space) is None and not spent(space, space.archs)
    with pytest.raises(ExhaustedError, match="1,000 random draws found none but the 3 that were proposed"):
        unseen(space, random.Random(0), set(space.archs))


def test_evolution_goes_on_where_no_mutation_is_allowed():
    """Two architectures without a decision in common: a change of one decision mends back to the parent."""
    space = Few(((0,) * 8, (1,) * 8))
    with pytest.raises(ExhaustedError, match="no other architecture within 100 tries"):
        mutate(space, (0,) * 8, random.Random(0))
    result = search_loop(Evolution(space, random.Random(0), 4, 2), table(space), 20)
    assert len(result.history) == 20 and not result.info
    single = masked()
    result = search_loop(Evolution(single, random.Random(0), 4, 2), table(single), 1000)
    assert result.info == {"ended": "the space is exhausted after 4 of 1,000 evaluations: it has one architecture"}
    told = str(result.of(single, table(single), METHODS["evolution"].config(), 0))
    assert told.endswith("of 4 steps\n" + result.info["ended"])


def test_the_command_line_and_the_report_say_that_a_search_ended_early(capsys, tmp_path):
    space = few(5)
    result = appnas.search(space, table(space), "nao", out=tmp_path / "run", **settings("nao"))
    ended = "the space is exhausted after 5 of 50 evaluations: all of its 5 architectures were proposed"
    page = result.report().read_text()
    assert result.info["ended"] == ended and f"<b>The search ended early</b>: {ended}." in page
    show.line(str(result))
    assert ended in " ".join(capsys.readouterr().out.split())


class Counter:
    """Proposes 0, 1, ..., then says that nothing is left."""

    def __init__(self, count):
        self.left, self.told = list(range(count)), []

    def ask(self):
        if not self.left:
            raise ExhaustedError("no number is left")
        return Draw((self.left.pop(0),))

    def tell(self, draw, score):
        self.told.append(draw.arch[0])

    def best(self):
        return (self.told[-1],)


class Worth:
    """An architecture's value is its number."""

    def score(self, draw):
        return Score(torch.tensor(float(draw.arch[0])))

    def learn(self, draw):
        pass


class Batches(Observer):
    """Four draws at once."""

    def start(self, loop):
        loop.batch = 4


@pytest.mark.parametrize("callbacks", [[], [Batches()]])
def test_what_was_asked_is_scored_before_a_search_ends(callbacks):
    strategy = Counter(6)
    result = search_loop(strategy, Worth(), 50, callbacks=callbacks)
    assert strategy.told == [0, 1, 2, 3, 4, 5] and result.best == (5,)
    assert result.info == {"ended": "the space is exhausted after 6 of 50 evaluations: no number is left"}
    assert not search_loop(Counter(6), Worth(), 6, callbacks=callbacks).info, "not one more was asked for"
    with pytest.raises(ExhaustedError, match="no number is left"):
        search_loop(Counter(0), Worth(), 6)


def test_a_space_whose_rule_for_gates_breaks_its_rules_is_named():
    class Broken(Few):
        def discretise(self, gates):
            return (2,) * 12

    space = few(5, 12)  # so large that it is not listed, so draws are mended
    with pytest.raises(ValueError, match=r"discretise .* that of Broken gave \(2, 2, .*\), which its `valid` refuses"):
        appnas.search(Broken(space.archs, width=12), table(space), "random", evaluations=5)
