"""One search by several processes: DARTS on the digits, each process with its share of every batch, then retraining.

    torchrun --nproc-per-node=2 examples/several_processes.py          # two processes on this machine
    torchrun --nproc-per-node=2 examples/several_processes.py --quick  # less of everything
    python examples/several_processes.py --quick                       # one process: the same result

On machines with CUDA devices each process takes one. Stopped or killed, the same command goes on with `appnas.resume`.
"""

import argparse
import os
from pathlib import Path

import torch

import appnas
from appnas.spaces import Bench201


def main() -> None:
    """Search, or go on with a search; retrain what it found; the first process tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("several"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # as torchrun says; or any number that you start
    space = Bench201(channels=2, repeats=1) if args.quick else Bench201(channels=4, repeats=2)
    epochs = 1 if args.quick else 10
    if (args.out / "config.json").exists():
        result = appnas.resume(args.out, progress=True)
    else:
        result = appnas.search(
            space, "digits", "darts", order="first", epochs=epochs, alpha_lr=0.02,
            processes=processes, norms="synchronised", out=args.out, progress=True,
        )  # fmt: skip
    trained = result.retrain(epochs=epochs, beside=["random"], progress=True)
    page = result.report()
    if os.environ.get("RANK", "0") == "0":
        print(result)
        for row in trained.rows:
            print(f"{row.name}: test accuracy {row.mean('accuracy'):.1f} %")
        print(f"report: {page}")


if __name__ == "__main__":
    main()
