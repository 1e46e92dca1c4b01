"""appnas.predict.autoencoder: legal decoding, reconstruction, the step up the predictor, symmetry, rules of a space."""

import random

import pytest
import torch

from appnas.predict import AutoEncoder
from appnas.predict.autoencoder import equivalents
from appnas.space import random_arch, restrict, without
from appnas.spaces import Bench201, Cells

SPACE = Bench201()


def convolutions(arch):
    return float(sum(option in (2, 3) for option in arch))


@pytest.fixture(scope="module")
def fitted():
    """Fitted to 60 cells whose value is their number of convolutions."""
    rng = random.Random(0)
    archs = [random_arch(SPACE, rng) for _ in range(60)]
    model = AutoEncoder(SPACE, 0, hidden=32, embedding=16, kind_of_target="rank", epochs=250, batch=30, lr=1e-2)
    model.fit(archs, [convolutions(arch) for arch in archs])
    return model, archs


def test_places_are_unit_vectors_that_decode_to_what_was_embedded(fitted):
    model, archs = fitted
    places = model.embed(archs)
    assert places.shape == (60, 6, 32)
    torch.testing.assert_close(places.norm(dim=-1), torch.ones(60, 6))
    again = model.decode(places)
    assert sum(a == b for a, b in zip(archs, again, strict=True)) >= 54


def test_a_step_goes_up_the_predictor_and_stays_on_the_sphere(fitted):
    model, archs = fitted
    places = model.embed(archs)
    moved, sideways = model.step(places, 0.5), model.step(places, 0.5, "random", seed=1)
    torch.testing.assert_close(moved.norm(dim=-1), torch.ones(60, 6))
    torch.testing.assert_close(model.step(places, 0.0), places)
    with torch.no_grad():
        before, up, aside = (model.net.predict(e) for e in (places, moved, sideways))
    assert bool((up >= before - 1e-6).all())
    assert float((up - before).mean()) > 3 * float((aside - before).mean())


def test_what_is_decoded_there_is_better(fitted):
    model, archs = fitted
    far = model.decode(model.step(model.embed(archs), 30.0))
    assert all(map(SPACE.valid, far))
    assert sum(map(convolutions, far)) > sum(map(convolutions, archs)) + 30


def test_equivalents_are_fitted_with_the_same_target(fitted):
    arch = (3, 1, 0, 2, 1, 4)
    assert equivalents(SPACE, arch) == [arch, (1, 3, 0, 2, 4, 1)]
    assert equivalents(SPACE, (3, 1, 1, 2, 1, 4)) == [(3, 1, 1, 2, 1, 4)]
    archs = [arch, (0, 0, 1, 0, 0, 0)]
    alike = AutoEncoder(SPACE, 0, hidden=8, embedding=4, kind_of_target="rank", epochs=200, lr=1e-2, lam=1.0)
    alike.fit(archs, [1.0, 0.0])
    one, other = alike.predict([arch, (1, 3, 0, 2, 4, 1)]).tolist()
    assert one == pytest.approx(1, abs=0.1) and other == pytest.approx(1, abs=0.1)


def test_only_legal_options_are_decoded():
    inner = restrict(SPACE, without(SPACE.choices, ["none", "avg_pool_3x3"]))
    rng = random.Random(0)
    archs = [random_arch(inner, rng) for _ in range(8)]
    model = AutoEncoder(inner, 0, hidden=8, embedding=4, epochs=1)
    model.fit(archs, [float(i) for i in range(8)])
    noise = torch.randn(50, 6, 8, generator=torch.Generator().manual_seed(0))
    assert all(map(inner.valid, model.decode(noise)))


def test_what_breaks_a_rule_is_mended():
    """Cells keep two edges into a node, which single tokens know nothing of."""
    cells = Cells(nodes=2)
    rng = random.Random(0)
    archs = [random_arch(cells, rng) for _ in range(8)]
    model = AutoEncoder(cells, 0, hidden=8, embedding=4, epochs=1)
    model.fit(archs, [float(i) for i in range(8)])
    noise = torch.randn(50, 10, 8, generator=torch.Generator().manual_seed(0))
    assert all(map(cells.valid, model.decode(noise)))
