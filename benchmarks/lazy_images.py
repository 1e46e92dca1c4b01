"""Image files that are never all in memory: peak memory of a search and a retraining, and seconds a batch, by workers.

JPEG files of 256 x 256 pixels in 10 classes are written to a folder; a first-order DARTS search of a small supernet and
a retraining take a few steps each on them, cut to 224 pixels, in a fresh process for every number of files and workers.
Validation and test read all of their images. Peak memory is that of the process, and of the largest of its workers.

    python benchmarks/lazy_images.py --files 2000 20000 --loaders 0 1 2
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path


def write(folder, count):
    """So many files: 64 pictures, each file with a number of its own behind the end of the picture."""
    import io

    import numpy as np
    from PIL import Image

    rng, pictures = np.random.default_rng(0), []
    for _ in range(64):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).resize((256, 256))
        noisy = np.asarray(coarse, dtype=np.int16) + rng.integers(-20, 21, (256, 256, 3))
        buffer = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
        pictures.append(buffer.getvalue())
    for i in range(count):
        split, label = ("test" if i % 10 == 9 else "train"), i // 10 % 10
        (folder / split / str(label)).mkdir(parents=True, exist_ok=True)
        (folder / split / str(label) / f"{i:07d}.jpg").write_bytes(pictures[i % 64] + str(i).encode())


class Short:
    """A domain whose epochs are cut to a few batches."""

    def __init__(self, domain, steps):
        self.domain, self.steps = domain, steps

    def __getattr__(self, name):
        return getattr(self.domain, name)

    def batches(self, split, rng):
        """The first ones."""
        return islice(self.domain.batches(split, rng), self.steps)

    def epoch(self, split):
        """How many those are."""
        return min(self.steps, self.domain.epoch(split))

    def fit(self, model, budget, *, final=False, seed=0, checkpoint=None, on_epoch=None):
        """On the cut epochs."""
        from appnas.task import fit

        recipe, split = self.domain.options.recipe, "all" if final else "train"
        fit(model, self, split, self.domain.loss, budget, recipe, seed, checkpoint, on_epoch)


def one(folder, loaders, args):
    """Search, retrain and test in this process; what was measured."""
    import resource

    import torch

    import appnas
    from appnas.domains.images import FolderOptions
    from appnas.domains.images import folder as folder_of
    from appnas.spaces import Cells

    torch.set_num_threads(1)
    size = {"side": args.side, "fitting": "crop", "batch": args.batch, "final_batch": args.batch}
    start = time.perf_counter()
    domain = folder_of(FolderOptions(path=str(folder), loaders=loaders, hold=0, **size))
    opened = time.perf_counter() - start
    short, space = (
        Short(domain, args.steps),
        Cells(channels=2, cells=3, width=4, depth=3, stem="imagenet", auxiliary=False),
    )
    start = time.perf_counter()
    read = sum(1 for _ in short.batches("train", torch.Generator().manual_seed(0)))
    reading = (time.perf_counter() - start) / read
    result = appnas.search(space, short, "darts", order="first", epochs=1, seed=0)
    model = result.model()
    start = time.perf_counter()
    short.fit(model, 1)
    training = (time.perf_counter() - start) / read
    accuracy = result.retrain(epochs=1).rows[0].mean("accuracy")
    own, workers = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"own": own, "workers": workers, "open": opened, "read": reading, "train": training, "accuracy": accuracy}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--loaders", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=10, help="batches of an epoch")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "LOADERS"), help="measure in this process")
    args = parser.parse_args()
    if args.child:
        print(json.dumps(one(Path(args.child[0]), int(args.child[1]), args)))
        return
    print("| files | workers | peak, MiB | of a worker | to open, s | s a batch, read | read and trained on |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    peaks = {}
    sizes = [f"--{name}={getattr(args, name)}" for name in ("steps", "batch", "side")]
    for count in args.files:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), count)
            for loaders in args.loaders:
                command = [sys.executable, __file__, *sizes, "--child", folder, str(loaders)]
                found = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
                peaks[count, loaders] = found["own"]
                sizes_of = f"| {count:,} | {loaders} | {found['own']:.0f} | {found['workers']:.0f} "
                print(f"{sizes_of}| {found['open']:.1f} | {found['read']:.3f} | {found['train']:.3f} |", flush=True)
    least, most = min(args.files), max(args.files)
    for loaders in args.loaders:
        growth = 100 * (peaks[most, loaders] / peaks[least, loaders] - 1)
        print(f"{loaders} workers: {growth:+.1f} % memory for {most / least:g} x the files")


if __name__ == "__main__":
    main()
