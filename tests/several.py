"""What two processes do in the tests: `torchrun tests/several.py FOLDER NAME ...`; each leaves what it found there."""

import os
import random
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from sklearn.datasets import load_digits

import appnas
from appnas.api import computing, together
from appnas.domains.images import Images, Options
from appnas.domains.text import Options as TextOptions
from appnas.domains.text.data import corpus
from appnas.estimate import Rewarded, Stateless
from appnas.loop import Observer, search_loop
from appnas.methods import METHODS
from appnas.one_shot import OneShot
from appnas.space import random_arch
from appnas.spaces import Bench201, Maskable, Recurrent
from appnas.strategy import Draw, Random, Score, first
from appnas.support import seeded
from appnas.task import Locked, Recipe, fit, placed

SPACE = Bench201(channels=2, repeats=1)


class Double(Images):
    """Images in double precision."""

    def normalised(self, x):
        return super().normalised(x).double()


def digits(count, batch, kind=Images):
    """So many digits, half of them to validate; of an odd batch, the second process has one row more."""
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8).astype("float32")
    options = Options(batch=batch, final_batch=batch, crop=1, flip=False, recipe=Recipe(lr=0.05))
    return kind(x[:count], y[:count], x[count : count + 50], y[count : count + 50], options)


def searched(method, compute, space=SPACE, domain=None, **settings):
    """Values, gates and weights at the end of a search in double precision."""
    domain = Locked(placed(domain or digits(60, 15, Double), compute))
    result = METHODS[method].search(space, domain, METHODS[method].config(**settings), seed=1)
    return {
        "values": torch.tensor([record.value for record in result.history]),
        "gates": torch.cat([matrix.flatten() for matrix in result.strategy.distribution()]),
        **{f"weight {name}": weight for name, weight in result.evaluator.supernet.state_dict().items()},
    }


def check_first(compute):
    return searched("darts", compute, domain=digits(300, 15, Double), order="first", epochs=2, alpha_lr=0.02)


def check_own(compute):
    compute = replace(compute, norms="own")
    return searched("darts", compute, order="first", epochs=1, alpha_lr=0.02)


def check_second(compute):
    return searched("darts", compute, order="second", epochs=1, alpha_lr=0.02)


def check_finite(compute):
    return searched("darts", compute, order="finite", epochs=1, alpha_lr=0.02)


def check_sampled(compute):
    return searched("darts", compute, order="finite", epochs=1, alpha_lr=0.02, sampled=True)


def check_recomputed(compute):
    return searched("darts", compute, replace(SPACE, recompute="cells"), order="first", epochs=1, alpha_lr=0.02)


def check_zarts(compute):
    return searched("zarts", compute, epochs=2, warmup=1, inner=1, candidates=2)


def check_two_temperature(compute):
    return searched("two_temperature", compute, Maskable(SPACE), epochs=1)


def check_text(compute):
    text = (Path(__file__).parent.parent / "LICENSE").read_text()
    options = TextOptions(bptt=12, batch=7, train_batch=7, score_batch=4, test_batch=4)
    domain = corpus([text[:800], text[800:1200], text[1200:1600]], "character", options)
    drops = dict.fromkeys(("drop_word", "drop_embedding", "drop_input", "drop_state", "drop_output"), 0.0)
    space = Recurrent(nodes=3, hidden=4, width=4, **drops)
    return searched("darts", compute, space, domain, order="first", epochs=1, lr=1.0, alpha_lr=0.02)


def check_paths(compute):
    domain, rng = Locked(placed(digits(60, 15, Double), compute)), random.Random(0)
    evaluator, values = OneShot(SPACE, domain, first(4), seed=1), []
    for _ in range(6):
        draw = Draw(random_arch(SPACE, rng))
        values.append(float(evaluator.score(draw).value))
        evaluator.learn(draw)
    return {"values": torch.tensor(values), **evaluator.supernet.state_dict()}


def check_retraining(compute):
    domain, losses = placed(digits(300, 15, Double), compute), []
    model = seeded(0, lambda: SPACE.build((3, 2, 3, 1, 4, 2), domain.io))
    recipe, looked = domain.options.recipe, lambda epoch, loss: losses.append(loss)
    watched = lambda model: domain.score(model)["loss"]  # noqa: E731
    fit(model, domain, "train", domain.loss, 2, recipe, 1, on_epoch=looked, select=watched)
    left = [module for module in model.modules() if "forward" in vars(module)]
    return {"losses": torch.tensor(losses), "left": torch.tensor(len(left)), **model.state_dict()}


class Ranked(Stateless):
    """Worth the number of the process that is asked."""

    def __init__(self, rank):
        self.rank = rank

    def score(self, draw):
        return Score(torch.tensor(float(self.rank)), {"rank": float(self.rank)})


class Stopping(Observer):
    """The second process would stop after two steps."""

    def step(self, loop, record):
        return record.step == 1 and os.environ.get("RANK") == "1"


def check_step(compute):
    evaluator = Rewarded(Ranked(compute.rank), lambda metrics: metrics["rank"] + 3.0)
    kept = [together.Together(compute.share), Stopping()]
    result = search_loop(Random(SPACE, random.Random(0)), evaluator, 4, callbacks=kept)
    return {"values": torch.tensor([record.value for record in result.history])}


class Ending(Observer):
    """Ends the second process at a step, by a signal."""

    def __init__(self, at, number):
        self.at, self.number = at, number

    def step(self, loop, record):
        if record.step == self.at and os.environ.get("RANK") == "1":
            os.kill(os.getpid(), self.number)


def run(out, **more):
    """A search in single precision with a directory, and a checkpoint after every step."""
    together.run_of = partial(together.run_of, every=0.0)
    domain = digits(120, 10)
    if (out / "config.json").exists():
        return appnas.resume(out, domain=domain, **more)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    return appnas.search(SPACE, domain, "darts", order="first", epochs=1, processes=processes, out=out, **more)


def check_run(folder):
    """A whole run, its training and its report."""
    result = run(folder / "run", progress=True)
    trained = result.retrain(epochs=1, progress=True)
    files = appnas.retrain.export(folder / "run", folder / "net", onnx=False, domain=result.domain)
    seen = result.report().exists() and files["weights"].exists()
    return {"value": result.value, "best": result.best, "tests": trained.rows[0].tests, "report": seen}


def ended(folder):
    """Ctrl-C in one process, which stops both; then the search goes on, and one process is killed."""
    try:
        run(folder / "run", callbacks=[Ending(1, signal.SIGINT)])
    except KeyboardInterrupt as stop:
        print(stop)
    run(folder / "run", callbacks=[Ending(3, signal.SIGKILL)])


def main():
    torch.set_num_threads(1)
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    if names == ["ended"]:
        ended(folder)
        return
    compute = computing.chosen("cpu", processes=int(os.environ.get("WORLD_SIZE", "1")))
    for name in names:
        torch.set_default_dtype(torch.float32 if name == "run" else torch.float64)
        found = check_run(folder) if name == "run" else globals()[f"check_{name}"](compute)
        torch.save(found, folder / f"{name}-{compute.rank}.pt")


if __name__ == "__main__":
    main()
