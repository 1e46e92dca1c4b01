"""What two processes do in the tests: `torchrun tests/several.py FOLDER NAME ...`; each leaves what it found there."""

import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import torch
from sklearn.datasets import load_digits

from appnas.api.together import computing
from appnas.domains.images import Images, Options
from appnas.methods import METHODS
from appnas.space import random_arch
from appnas.spaces import Bench201, Cells, Maskable
from appnas.support import seeded
from appnas.task import Locked, Recipe, placed


class Double(Images):
    """Images in double precision."""

    def normalised(self, x):
        return super().normalised(x).double()


def images(batch=15, **more):
    """150 digits to train on and 150 to validate: 10 batches each, one row more for one of two processes."""
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8).astype("float32")
    options = Options(batch=batch, final_batch=batch, crop=1, flip=False, recipe=Recipe(lr=0.05), **more)
    return Double(x[:300], y[:300], x[300:400], y[300:400], options)


SPACE = Bench201(channels=2, repeats=1)
CELLS = Cells(channels=2, cells=3, width=2, depth=3, drop_path=0.0)


def searched(method, compute, space=SPACE, **settings):
    """Values, gates and weights at the end of a search in double precision."""
    domain = Locked(placed(images(), compute))
    result = METHODS[method].search(space, domain, METHODS[method].config(**settings), seed=1)
    evaluator = result.evaluator
    return {
        "values": torch.tensor([record.value for record in result.history]),
        "gates": torch.cat([matrix.flatten() for matrix in result.strategy.distribution()]),
        **{f"weight {name}": weight for name, weight in evaluator.supernet.state_dict().items()},
    }


def check_first(compute):
    return searched("darts", compute, order="first", epochs=2, alpha_lr=0.02)


def check_second(compute):
    return searched("darts", compute, order="second", epochs=1, alpha_lr=0.02)


def check_finite(compute):
    return searched("darts", compute, order="finite", epochs=1, alpha_lr=0.02)


def check_recomputed(compute):
    return searched("darts", compute, replace(SPACE, recompute=True), order="first", epochs=1, alpha_lr=0.02)


def check_zarts(compute):
    return searched("zarts", compute, epochs=2, warmup=1, inner=2, candidates=2)


def check_two_temperature(compute):
    return searched("two_temperature", compute, Maskable(SPACE), epochs=1)


def check_retraining(compute):
    domain, losses = placed(images(), compute), []
    model = seeded(0, lambda: CELLS.build(random_arch(CELLS, random.Random(0)), domain.io))
    domain.fit(model, 2, seed=1, on_epoch=lambda epoch, loss: losses.append(loss))
    norms = [m for m in model.modules() if "forward" in vars(m)]
    score = torch.tensor([domain.score(model)["loss"], len(norms)])
    return {"losses": torch.tensor(losses), "score": score, **model.state_dict()}


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    for name in names:
        import time; t0 = time.time()
        found = globals()[f"check_{name}"](computing("cpu", int(os.environ.get("WORLD_SIZE", "1"))))
        print(name, time.time() - t0)
        torch.save(found, folder / f"{name}-{os.environ.get('RANK', '0')}.pt")


if __name__ == "__main__":
    main()
