"""What the library itself costs: import beyond torch, a trial with its journal on disk, a table query, opening a table.

Beside it what a trial of Optuna costs, with random draws, the same table and its own journal on disk. CPU time, best of
five (of three imports, of two with Optuna), and as a share of a yardstick taken in the same run: importing torch, or
10,000 sums of Python's own. The table needs APPNAS_DATA.

    python benchmarks/overhead.py
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from appnas.estimate import Table
from appnas.loop import search_loop
from appnas.run import Run, create
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load
from appnas.strategy import Draw, Evolution, Random

IMPORT = """
import time
times = [time.process_time()]
import torch
times.append(time.process_time())
import appnas
print(times[1] - times[0], time.process_time() - times[1])
"""


def best(run, repeats=5):
    """Least CPU seconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def sums():
    """10,000 sums, in the interpreter."""
    total = 0
    for number in range(10_000):
        total += number


def trials(strategy, table, count, events):
    """A search in a new directory."""
    with tempfile.TemporaryDirectory() as folder:
        path = create(Path(folder) / "run", {})
        search_loop(strategy, table, count, callbacks=[Run(path, events=events)])


def peer(space, table, count):
    """The same number of random draws by Optuna, with its own journal on disk."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        arch = tuple(
            trial.suggest_categorical(f"{choice.name}{k}", range(len(choice.options)))
            for choice in space.choices
            for k in range(choice.count)
        )
        return float(table.score(Draw(arch)).value)

    with tempfile.TemporaryDirectory() as folder:
        storage = optuna.storages.JournalStorage(JournalFileBackend(f"{folder}/journal"))
        study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(0), direction="maximize")
        study.optimize(objective, count)


def main():
    torch.set_num_threads(1)
    ran = [subprocess.check_output([sys.executable, "-c", IMPORT], text=True) for _ in range(3)]
    imports = [[float(word) for word in line.split()] for line in ran]
    share = min(own / torchs for torchs, own in imports)
    print(f"import appnas, beyond torch     {min(own for _, own in imports):8.2f} s, {share:.2f} of torch's")
    yardstick = best(sums)
    print(f"10,000 sums                     {1e3 * yardstick:8.3f} ms")
    print(f"open the NAS-Bench-201 table    {best(lambda: Table(*load(), 'valid12')):8.3f} s")
    archs, columns = load()
    table, space, count = Table(archs, columns, "valid12"), Bench201(), 1000
    draws = [Draw(arch) for arch in random.Random(0).choices(archs, k=count)]
    query = best(lambda: [table.score(d) for d in draws]) / count
    print(f"a table query                   {1e6 * query:8.1f} us, {query / yardstick:.3f} of these")
    for name, make in (("random", Random), ("evolution", Evolution)):
        for events in (False, True):
            spent = best(lambda m=make, e=events: trials(m(space, random.Random(0)), table, count, e)) / count
            journal = "journal and TensorBoard" if events else "journal"
            print(
                f"a trial, {name}, {journal:<{22 - len(name)}} {1e3 * spent:8.3f} ms, {spent / yardstick:.3f} of these"
            )
    for many in (100, count):
        spent = best(lambda n=many: peer(space, table, n), 2) / many
        print(f"a trial of Optuna, random, {many:<5}  {1e3 * spent:8.3f} ms, {spent / yardstick:.3f} of these")


if __name__ == "__main__":
    main()
