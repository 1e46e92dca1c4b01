import pytest
import torch

from appnas.domains.images import Images, Options, classes, few, grey
from appnas.testing import DomainSuite


@pytest.fixture
def coloured() -> Images:
    """Pictures whose every pixel is their own number, so that none is mistaken for another."""
    x = torch.arange(60.0)[:, None, None, None].expand(60, 3, 8, 8).clone()
    x[:, 0] += 3.0
    y = torch.arange(60) % 5
    return Images(x[:40], y[:40], x[40:], y[40:], Options(batch=8, crop=0, flip=False))


class TestClasses(DomainSuite):
    @pytest.fixture
    def domain(self, digits):
        return classes(digits, range(5, 10))


class TestFew(DomainSuite):
    budget = 30

    @pytest.fixture
    def domain(self, digits):
        return few(classes(digits, range(3)), 5)

    def test_training_raises_the_value(self, domain) -> None:
        """One picture is validated on: `score` says little, `test` is what counts."""
        model = self.network(domain)
        before = domain.test(model)["accuracy"]
        domain.fit(model, 30, final=True)
        assert domain.test(model)["accuracy"] > before

    def test_loss(self, domain) -> None:
        """On a split of one picture a gradient can vanish: the training split is checked."""
        (batch,) = self.epoch(domain, "train", 0)
        assert domain.loss(self.network(domain), batch).shape == (14,)


def numbers(domain, split="all"):
    """The numbers of the pictures, by their second colour or, in grey, one less."""
    x, _ = domain._splits[split] if split != "test" else domain._held_out
    return (x[:, 1, 0, 0] if x.shape[1] == 3 else x[:, 0, 0, 0] - 1).long().tolist()


def test_classes_are_numbered_anew(coloured):
    domain = classes(coloured, [4, 1])
    assert domain.io.outputs == (2,)
    assert sorted(numbers(domain)) == [n for n in range(40) if n % 5 in (1, 4)]
    assert sorted(numbers(domain, "test")) == [n for n in range(40, 60) if n % 5 in (1, 4)]
    for n, label in zip(numbers(domain), domain._splits["all"][1].tolist(), strict=True):
        assert [4, 1][label] == n % 5
    for wrong in ([1], [1, 1], [1, 5]):
        with pytest.raises(ValueError, match="two or more different classes below 5"):
            classes(coloured, wrong)


def test_few_shots(coloured):
    domains = [few(coloured, 2, seed) for seed in (0, 0, 1)]
    assert numbers(domains[0]) == numbers(domains[1]) != numbers(domains[2])
    for domain in domains:
        assert set(numbers(domain)) < set(range(40))
        assert domain._splits["all"][1].bincount().tolist() == [2] * 5
        assert len(domain._splits["valid"][1]) == 1
        assert numbers(domain, "test") == list(range(40, 60))
    with pytest.raises(ValueError, match="8 images of the rarest class, got shots=9"):
        few(coloured, 9)


def test_grey_and_smaller(coloured):
    domain = grey(coloured, 4)
    assert domain.io.inputs == (1, 4, 4)
    assert sorted(numbers(domain)) == list(range(40))
    with pytest.raises(ValueError, match="8 x 8 pixels"):
        grey(coloured, 9)


def test_data_without_a_test_set_is_refused():
    with pytest.raises(ValueError, match="held-out"):
        classes(Images(torch.rand(20, 8, 8), torch.arange(20) % 4), [0, 1])
