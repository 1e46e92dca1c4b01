"""appnas.domains.images.domain on data that are read when they are asked for: `Images.of`."""

import multiprocessing
import os
import pickle
import signal
from dataclasses import replace
from itertools import islice

import pytest
import torch
from picture_sets import Columns, Endless, Noisy, Pictures, colour, tabled
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

import appnas
from appnas.domains.images import Images, Options, classes, few, grey
from appnas.domains.images.folders import FolderOptions, folder
from appnas.loop import Observer
from appnas.support import DataError
from appnas.task import Stream
from appnas.testing import DomainSuite
from appnas.testing.parts import identical, round_trip


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def tensors(digits):
    """The digits of the fixture, in their order in it."""
    return TensorDataset(*digits._split("all")), TensorDataset(*digits._held_out)


class TestSuite(DomainSuite):
    @pytest.fixture
    def domain(self, digits):
        train, test = tensors(digits)
        return Images.of(train, test=test, options=digits.options)

    def identify(self, domain, split):
        return [image.numpy().tobytes() for image in domain._split(split)[0][:]]


class TestIterable(DomainSuite):
    @pytest.fixture
    def domain(self, digits):
        train, test = tensors(digits)
        halves = [DataLoader(InOrder(Subset(train, part)), 32) for part in (range(150), range(150, 300))]
        return Images.of(halves[0], halves[1], InOrder(test), digits.options, 10, {"train": 150, "valid": 150})

    def test_batches(self, domain):
        """The order is the data set's own: the augmentation alone is drawn."""
        for split in ("train", "valid"):
            batches = self.epoch(domain, split, 0)
            assert len(batches) == domain.epoch(split) == 5
            assert identical(self.epoch(domain, split, 0), batches)
            other = self.epoch(domain, split, 1)
            assert not identical(other, batches) and identical([y for _, y in other], [y for _, y in batches])


class InOrder(torch.utils.data.IterableDataset):
    def __init__(self, data):
        self.data = data

    def __iter__(self):
        return (self.data[i] for i in range(len(self.data)))


def test_read_tensors_are_the_same_as_arrays(digits):
    """In the same order, cut and flipped alike; but for the seed that is drawn for items at random."""
    options = replace(digits.options, flip=True, mean=(5.0,), std=(3.0,), shrink=2, limit=200)
    x, y = digits._split("all")
    arrays = Images(x, y, *digits._held_out, options)
    read = Images.of((x, y), test=digits._held_out, options=options)
    assert read.io == arrays.io and read.chance == arrays.chance and read.preprocessing() == {"mean": [5], "std": [3]}
    for split in ("train", "valid", "all"):
        assert torch.equal(read._split(split)[0][:], arrays._split(split)[0])
        assert torch.equal(read._split(split)[1], arrays._split(split)[1])
        assert torch.equal(read.parts(split, rng())[0], arrays.parts(split, rng())[0])
        plain = [replace(options, crop=0, flip=False, final_cutout=0.0)] * 2
        a, b = Images(x, y, options=plain[0]), Images.of((x, y), options=plain[1])
        assert identical(list(a.batches(split, rng())), list(b.batches(split, rng())))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 10))
    for found, expected in ((read.score(model), arrays.score(model)), (read.test(model), arrays.test(model))):
        assert found == pytest.approx(expected)
    assert torch.equal(read.example(5)[0], arrays.example(5)[0])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Sixty JPEG files of several sizes in three classes."""
    root = tmp_path_factory.mktemp("files")
    for i in range(60):
        (root / "abc"[i % 3]).mkdir(exist_ok=True)
        Image.new("RGB", (20 + i % 7, 24), colour(i)).save(root / "abc"[i % 3] / f"{i}.jpg")
    return root


def read_folder(root, **options):
    return folder(FolderOptions(**{"path": str(root), "side": 8, "batch": 8, "crop": 1, "hold": 0, **options}))


@pytest.mark.parametrize("loaders", [0, 2])
def test_a_stream_resumes_without_reading_what_it_skips(loaders):
    class Counted(Noisy):
        def __getitem__(self, i):
            read.append(i)
            return super().__getitem__(i)

    read = []
    domain = Images.of(Counted(), options=Options(batch=4, crop=1, loaders=loaders), classes=4)
    whole = list(islice(Stream(domain, "train", 0), 13))
    for taken in (0, 3, 5, 7):
        stream = Stream(domain, "train", 0)
        assert identical(list(islice(stream, taken)), whole[:taken])
        state = round_trip(stream.state_dict())
        read.clear()
        resumed = Stream(domain, "train", 1)
        resumed.load_state_dict(state)
        assert (read == [] and resumed.state_dict()["taken"] == taken % 5) or taken == 5
        assert identical(next(resumed), whole[taken])
        assert len(read) == (0 if loaders else 4)
        assert identical(list(islice(resumed, 13 - taken - 1)), whole[taken + 1 :])


def test_workers_change_nothing(files):
    one, two = (read_folder(files, loaders=loaders) for loaders in (0, 2))
    for split in ("train", "valid", "all"):
        assert identical(list(one.batches(split, rng())), list(two.batches(split, rng())))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    assert one.score(model) == two.score(model) and one.test(model) == two.test(model)
    assert one.fingerprint == two.fingerprint
    for domain in (one, two):
        torch.manual_seed(0)
        domain.fit(model := nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), 2, seed=3)
        domain.weights = model.state_dict()
    assert identical(one.weights, two.weights)


@pytest.mark.parametrize("loaders", [0, 2])
def test_a_search_on_files_resumes_bit_for_bit(files, bench201, tmp_path, loaders):
    class Stop(Observer):
        def step(self, loop, record):
            if loop.step == 4:
                os.kill(os.getpid(), signal.SIGINT)

    def search(**more):
        domain = read_folder(files, loaders=loaders).named("folder")
        return appnas.search(
            bench201, domain, "darts", order="first", epochs=2, alpha_lr=0.02, out=tmp_path / str(len(more)), **more
        )

    whole = search()
    assert len(whole.history) == 6
    with pytest.raises(KeyboardInterrupt):
        search(callbacks=[Stop()])
    resumed = appnas.resume(tmp_path / "1")
    assert resumed.best == whole.best and len(resumed.history) == 6
    assert [record.value for record in resumed.history] == [record.value for record in whole.history]
    trained = [result.retrain(epochs=1).rows[0] for result in (whole, resumed)]
    assert trained[0].mean("accuracy") == trained[1].mean("accuracy")


def test_fingerprints_tell_other_data(files):
    def of(**options):
        return read_folder(files, **options).fingerprint

    assert of() == of(loaders=1)
    assert len({of(), of(side=7), of(limit=30), of(seed=1), of(fitting="crop"), of(batch=9)}) == 6
    assert Images.of(Noisy(), classes=4).fingerprint == Images.of(Noisy(), classes=4).fingerprint
    assert Images.of(Noisy(41), classes=4).fingerprint != Images.of(Noisy(), classes=4).fingerprint


def test_a_domain_of_files_can_be_sent_to_another_process(files):
    domain = read_folder(files)
    assert identical(
        list(pickle.loads(pickle.dumps(domain)).batches("train", rng())), list(domain.batches("train", rng()))
    )


def test_images_are_normalised_by_a_sample_of_the_training_half():
    domain = Images.of(Pictures(30), options=Options(side=4, valid=0.5))
    rows = domain._split("train")[0]
    x = domain.normalised(rows[:])
    assert x.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    given = Images.of(Pictures(30), options=Options(side=4, mean=(1.0, 2.0, 3.0), std=(1.0, 1.0, 2.0)))
    assert given.preprocessing() == {"mean": [1, 2, 3], "std": [1, 1, 2]}
    with pytest.raises(ValueError, match="mean and std are one number a channel, 3, got 1"):
        Images.of(Pictures(30), options=Options(side=4, mean=(1.0,), std=(1.0,)))


def test_own_validation_data_and_both_for_the_last_training():
    domain = Images.of(Pictures(20), Pictures(8), Pictures(6), Options(side=4, batch=4, final_batch=4))
    assert [len(domain._split(name)[0]) for name in ("train", "valid", "all")] == [20, 8, 28]
    assert [y for _, labels in domain.batches("all", rng()) for y in labels.tolist()].count(0) == 7
    flow = Images.of(Noisy(), DataLoader(Endless(), 4), None, Options(batch=4), 4, {"valid": 12})
    assert len(flow._split("all")[0]) == 40 and len(list(flow.batches("valid", rng()))) == 3


def test_rows_of_datasets():
    """A mapping of splits, as a DatasetDict; the rows have whole columns, and are read for batches alone."""
    train, test = tabled(), tabled(6)
    domain = Images.of({"train": train, "test": test}, options=Options(batch=5))
    assert domain.io.inputs == (3, 9, 9) and domain.io.outputs == (4,) and len(domain._held_out[0]) == 6
    train.read = 0
    next(iter(domain.batches("train", rng())))
    assert train.read == 5
    plain = Images.of(train, test=test, options=Options(batch=5))
    assert identical(list(plain.batches("train", rng())), list(domain.batches("train", rng())))


def test_the_package_datasets():
    datasets = pytest.importorskip("datasets", reason="the extra `hub` is not installed here")
    rows = {"image": [Image.new("RGB", (9, 9), colour(i)) for i in range(40)], "label": [i % 4 for i in range(40)]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(num_classes=4)})
    whole = datasets.Dataset.from_dict(rows, features=features)
    domain = Images.of(datasets.DatasetDict({"train": whole, "test": whole.select(range(6))}))
    ours = Images.of({"train": tabled(), "test": tabled(6)})
    assert identical(list(domain.batches("train", rng())), list(ours.batches("train", rng())))
    flowing = Images.of(
        whole.to_iterable_dataset(), valid=whole, classes=4, lengths={"train": 40}, options=Options(batch=8)
    )
    assert len(list(flowing.batches("train", rng()))) == 5


def test_a_loader_gives_batches_workers_and_collate():
    def brighter(items):
        return torch.stack([2 * x for x, _ in items]), torch.stack([y for _, y in items])

    plain = Images.of(Noisy(), classes=4, options=Options(batch=8, final_batch=8, mean=(0.0,) * 3, std=(1.0,) * 3))
    loader = DataLoader(Noisy(), 8, shuffle=True, collate_fn=brighter)
    domain = Images.of(loader, classes=4, options=replace(plain.options, batch=3))
    assert domain.options.batch == domain.options.final_batch == 8 and domain.options.loaders == 0
    pairs = list(zip(domain.batches("train", rng()), plain.batches("train", rng()), strict=True))
    assert pairs and all(torch.equal(x, 2 * z) and torch.equal(y, t) for (x, y), (z, t) in pairs)
    assert Images.of(DataLoader(Pictures(), 8, num_workers=2), options=Options(side=4)).options.loaders == 2


def test_parts_of_read_images():
    domain = Images.of(Pictures(40), test=Pictures(12), options=Options(side=4, batch=4, limit=24))
    two = classes(domain, [3, 1])
    assert two.io.outputs == (2,) and sorted(two._split("all")[1].tolist()) == [0] * 6 + [1] * 6
    (x, y), *_ = two.batches("all", rng())
    assert set(y.tolist()) == {0, 1} and x.shape[1:] == (3, 4, 4)
    shots = few(domain, 2)
    assert shots._split("all")[1].bincount().tolist() == [2] * 4 and len(shots._held_out[0]) == 12
    small = grey(domain, 2)
    assert small.io.inputs == (1, 2, 2) and len(list(small.batches("train", rng()))) == 3
    rows = small._split("train")[0]
    means = torch.tensor([sum(colour(int(i))) / 3 for i in rows.index])
    assert torch.allclose(rows[:], means[:, None, None, None].expand(-1, 1, 2, 2))
    random = domain.random_labels(0)
    assert not torch.equal(random._split("train")[1], domain._split("train")[1])
    batches = zip(random.batches("train", rng()), domain.batches("train", rng()), strict=True)
    assert all(torch.equal(x, z) for (x, _), (z, _) in batches)
    unlisted = Images.of(Noisy(), classes=4, options=Options(batch=4)).random_labels(0)
    assert len({tuple(y.tolist()) for _, y in unlisted.batches("train", rng())}) > 1


def test_what_read_images_cannot_do_is_said_in_one_line():
    iterable = Images.of(Endless(), Noisy(), Noisy(), Options(), 4, {"train": 12})
    unlisted = Images.of(Noisy(), test=Noisy(), classes=4)
    for call, said in [
        (lambda: classes(iterable, [0, 1]), "a part of the classes needs data whose items can be picked"),
        (lambda: few(iterable, 1), "a few images of every class needs data whose items can be picked"),
        (lambda: grey(iterable, 2), "grey images need data that can be split anew, and these are iterable"),
        (lambda: iterable.random_labels(0), "random labels need examples that are known again, and"),
        (lambda: classes(unlisted, [0, 1]), "needs labels that are listed, .* attribute `targets`"),
        (lambda: few(unlisted, 1), "needs labels that are listed"),
        (lambda: Images.of(Pictures()), "item .* of Pictures: images have one shape .* give Options.side=...."),
        (lambda: Images.of(Noisy(3), classes=4, options=Options(valid=0.01)), "split 'valid' is empty: 3 images"),
        (lambda: Images.of((torch.zeros(4, 3, 8, 8), [0] * 4)), "all images are of class 0; two classes are the least"),
        (lambda: Images(torch.zeros(4, 3, 8, 8), [0, 1, 0, 1], options=Options(side=4)), "side=4 is for images that"),
        (lambda: Images(torch.zeros(4, 3, 8, 8)), "training labels: there are none"),
    ]:
        with pytest.raises(ValueError, match=said):
            call()
    for wrong in (Noisy(), DataLoader(Noisy()), tabled(), {"train": tabled()}):
        said = r"Images\(x, y\) takes arrays, got \w+; data sets and data loaders go to Images.of\(train"
        if not isinstance(wrong, Columns):  # a list is an array
            with pytest.raises(TypeError, match=said):
                Images(wrong)


def test_data_at_fault_end_a_search(files, bench201):
    """No other architecture would help."""
    (files / "a" / "0.jpg").rename(files / "kept")
    try:
        (files / "a" / "0.jpg").write_bytes(b"no image")
        with pytest.raises(DataError, match=r"a/0\.jpg: .*a/0\.jpg is not a whole image"):
            read_folder(files)
        domain = read_folder(files, mean=(0.0,) * 3, std=(1.0,) * 3, channels=3, loaders=2)
        with pytest.raises(DataError, match=r"a/0\.jpg is not a whole image"):
            appnas.search(bench201, domain, "random", evaluations=2, budget=1)
    finally:
        (files / "kept").replace(files / "a" / "0.jpg")


def test_an_abandoned_epoch_ends_its_workers(files):
    before = set(multiprocessing.active_children())
    epoch = read_folder(files, loaders=2).batches("train", rng())
    next(epoch)
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    del epoch
    for worker in workers:
        worker.join(20)
        assert worker.exitcode is not None
