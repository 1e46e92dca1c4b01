"""The device on paper: what it refuses, what it counts, and that it gives the CPU's numbers."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from appnas.testing import other_device
from appnas.testing.other_device import Elsewhere


def here(count=4):
    return torch.arange(1.0, count + 1)


def there(count=4):
    return here(count).to("other")


MIXTURES = {
    "sum": lambda x, y: x + y,
    "sum, the other way round": lambda x, y: y + x,
    "in place": lambda x, y: x.add_(y),
    "in place, on the CPU": lambda x, y: y.add_(x),
    "a number of the CPU, in place": lambda x, y: torch.ones(()).add_(x[0]),
    "a number there among tensors of the CPU": lambda x, y: y * x[0],
    "a number of the CPU in a list": lambda x, y: torch.stack([x[0], y[0]]),
    "concatenation": lambda x, y: torch.cat([x, y]),
    "matrix product": lambda x, y: x @ y,
    "layer": lambda x, y: nn.Linear(4, 2)(x),
    "convolution": lambda x, y: F.conv1d(x[None, None], y[None, None]),
    "indices there into the CPU": lambda x, y: y[torch.tensor([0, 1], device="other")],
    "a mask there into the CPU": lambda x, y: y[x > 1],
    "values of the CPU to indices": lambda x, y: x.__setitem__(torch.tensor([0, 1]), y[:2]),
    "gather": lambda x, y: x.gather(0, torch.tensor([0, 1])),
    "scatter": lambda x, y: x.scatter_add(0, torch.tensor([0, 1, 1, 0]), x),
    "index_add": lambda x, y: x.index_add(0, torch.tensor([0]), x[:1]),
    "index_select": lambda x, y: x.index_select(0, torch.tensor([0])),
    "embedding": lambda x, y: F.embedding(torch.tensor([0]), x[:, None]),
    "where": lambda x, y: torch.where(y > 1, x, x),
    "cross entropy": lambda x, y: F.cross_entropy(x[None], torch.tensor([1])),
    "loss of the CPU": lambda x, y: F.mse_loss(x, y),
    "out": lambda x, y: torch.add(x, 1, out=torch.empty(4)),
    "generator": lambda x, y: x.bernoulli_(0.5, generator=torch.Generator()),
    "generator of what is made there": lambda x, y: torch.randn(2, device="other", generator=torch.Generator()),
    "another device": lambda x, y: x.to("other:1"),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_raises(name, other):
    with pytest.raises(RuntimeError, match=r"device|generator"):
        MIXTURES[name](there(), here())


NUMBERS = {
    "number": lambda x, d: x + torch.tensor(2.0),
    "number in place": lambda x, d: x.clone().mul_(torch.tensor(2.0)),
    "where": lambda x, d: torch.where(x > 2, x, torch.tensor(0.0)),
    "indices of the CPU": lambda x, d: x[torch.tensor([3, 0])],
    "list": lambda x, d: x[[2, 1]] + x.view(2, 2)[..., [False, True]].view(-1),
    "number to a list": lambda x, d: [y := x.clone(), y.__setitem__([0, 1], 7.0), y][-1],
    "mask of the CPU": lambda x, d: x[torch.tensor([True, False, True, False])],
    "number to indices of the CPU": lambda x, d: x.clone().index_put_((torch.tensor([1]),), torch.tensor(9.0)),
    "view written to": lambda x, d: [y := x.clone(), y.view(2, 2)[1].zero_(), y][-1],
    "shape in place": lambda x, d: x.clone().unsqueeze_(1).transpose_(0, 1),
    "lists": lambda x, d: torch.stack(torch._foreach_mul([x, x], 2.0)),
    "numbers of lists": lambda x, d: torch.stack(torch._foreach_mul([x, x], torch.tensor(2.0))),
    "empty, filled": lambda x, d: torch.empty(3, device=d).fill_(2.0),
    "zeros": lambda x, d: torch.zeros(2, 3, device=d),
    "range": lambda x, d: torch.arange(5, device=d),
    "tensor": lambda x, d: torch.tensor([[1, 2]], device=d),
    "new": lambda x, d: x.new_tensor([1.0]) + x.new_zeros(1) + x.new_full((1,), 2.0),
    "like": lambda x, d: torch.ones_like(x, dtype=torch.float64),
    "split": lambda x, d: torch.cat(x.split(3)[::-1]),
    "double": lambda x, d: x.double() / 3,
    "scatter": lambda x, d: x.new_zeros(2).scatter_add_(0, torch.tensor([0, 1, 1, 0], device=d), x),
    "scatter_reduce": lambda x, d: x.new_zeros(2).scatter_reduce(0, torch.tensor([0, 1, 1, 0], device=d), x, "amax"),
    "index_add": lambda x, d: x.new_zeros(2).index_add_(0, torch.tensor([0, 1, 1, 0], device=d), x),
    "embedding": lambda x, d: F.embedding(torch.tensor([3, 1], device=d), x[:, None]),
    "pooling": lambda x, d: F.avg_pool1d(x[None, None], 2) + F.max_pool1d(x[None, None], 2),
    "grouped": lambda x, d: F.conv2d(x.view(1, 4, 1, 1), x.view(4, 1, 1, 1), groups=4, dilation=2),
    "sort": lambda x, d: torch.cat([*x.sort(descending=True)]),
    "unique": lambda x, d: (x % 2).unique(),
    "nonzero": lambda x, d: (x > 2).nonzero(),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_what_may_mix_gives_the_numbers_of_the_cpu(name, other):
    found = NUMBERS[name](there(), "other")
    wanted = NUMBERS[name](here(), "cpu")
    assert found.device == other.device and found.shape == wanted.shape and found.dtype == wanted.dtype
    assert torch.equal(found.cpu(), wanted)


WAITS = {
    "item": (lambda x: x[0].item(), ["_local_scalar_dense"]),
    "float": (lambda x: float(x.sum()), ["_local_scalar_dense"]),
    "truth": (lambda x: bool((x > 0).all()), ["_local_scalar_dense"]),
    "copy": (lambda x: x.cpu(), ["_to_copy"]),
    "copy into": (lambda x: torch.empty(4).copy_(x), ["copy_"]),
    "list": (lambda x: x.tolist(), ["_to_copy"]),
    "equal": (lambda x: torch.equal(x, x + 1), ["equal"]),
    "mask": (lambda x: x[x > 2], ["index"]),
    "mask written to": (lambda x: x.__setitem__(x > 2, 0.0), ["index_put_"]),
    "nonzero": (lambda x: x.nonzero(), ["nonzero"]),
    "unique": (lambda x: x.unique(), ["_unique2"]),
    "repetition": (lambda x: x.repeat_interleave(torch.ones_like(x, dtype=torch.long)), ["repeat_interleave"]),
    "repetition of known size": (
        lambda x: x.repeat_interleave(torch.ones_like(x, dtype=torch.long), output_size=4), [],
    ),
    "nothing": (lambda x: (x * 2).softmax(0).to("other").clone(), []),
    "masked without counting": (lambda x: x.masked_fill(x > 2, 0.0), []),
    "indices of the CPU": (lambda x: x[torch.tensor([0])], []),
}  # fmt: skip


@pytest.mark.parametrize("name", WAITS)
def test_what_the_host_waits_for_is_counted(name, other):
    run, operations = WAITS[name]
    run(there())
    assert [transfer.operation for transfer in other.transfers] == operations


def test_the_line_that_asked_is_known(other):
    from appnas.compute import fetched

    fetched([there()[0]])
    (transfer,) = other.transfers
    assert transfer.line.startswith("appnas.compute.placement:")
    other.transfers.clear()
    there().cpu()
    assert other.transfers[0].line == ""


def test_numpy_is_refused(other):
    with pytest.raises(TypeError, match=r"numpy.*cpu\(\)"):
        there().numpy()
    with pytest.raises(TypeError, match=r"numpy.*cpu\(\)"):
        import numpy

        numpy.asarray(there())


class Net(nn.Module):
    """A bit of everything."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.wide = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2)
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(4, 3)
        self.register_buffer("scale", torch.tensor(0.5))

    def forward(self, x, words):
        y = self.norm(self.first(x)).relu()
        y = checkpoint(lambda z: self.drop(self.wide(z)), y, use_reentrant=False)
        y = F.max_pool2d(y, 2) + F.adaptive_avg_pool2d(y, 2)
        return self.last(y.mean((2, 3)) * self.scale + self.words(words))


def network():
    torch.manual_seed(0)
    return Net()


def batch(device):
    torch.manual_seed(1)
    words, y = torch.tensor([0, 1, 2, 3, 4, 0]), torch.arange(6) % 3
    return torch.randn(6, 1, 4, 4).to(device), words.to(device), y.to(device)


def trained(device, optimiser, steps=3):
    model = network().to(device)
    steps_of = optimiser(model.parameters())
    x, words, y = batch(device)
    torch.manual_seed(2)
    for _ in range(steps):
        loss = F.cross_entropy(model(x, words), y)
        steps_of.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        steps_of.step()
    return model, steps_of


@pytest.mark.parametrize(
    "optimiser",
    [
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-3),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, foreach=True),
        lambda p: torch.optim.Adam(p, 0.1),
        lambda p: torch.optim.Adam(p, 0.1, foreach=True),
    ],
    ids=["sgd", "sgd in lists", "adam", "adam in lists"],
)
def test_training_is_that_of_the_cpu_and_waits_for_nothing(optimiser, other):
    found, steps = trained("other", optimiser)
    assert other.transfers == []
    assert all(isinstance(weight, Elsewhere) for weight in found.parameters())
    wanted, _ = trained("cpu", optimiser)
    for name, weight in wanted.state_dict().items():
        assert torch.equal(found.state_dict()[name].cpu(), weight), name
    again = optimiser(found.parameters())
    again.load_state_dict(steps.state_dict())
    for state in again.state.values():
        assert all(value.device == other.device for value in state.values() if value.dim())


def test_double_backward_and_functional_calls(other):
    found = {}
    for device in ("cpu", "other"):
        model = network().to(device)
        x, words, y = batch(device)
        gate = torch.ones(3, device=device, requires_grad=True)
        torch.manual_seed(2)
        loss = F.cross_entropy(model(x, words) * gate, y)
        weights = dict(model.named_parameters())
        slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        stepped = {name: w - 0.1 * slope for (name, w), slope in zip(weights.items(), slopes, strict=True)}
        after = F.cross_entropy(functional_call(model, stepped, (x, words)) * gate, y)
        found[device] = torch.autograd.grad(after, [gate])[0].cpu()
    assert torch.equal(found["cpu"], found["other"])


def test_an_lstm(other):
    torch.manual_seed(0)
    lstm, found = nn.LSTM(3, 4, batch_first=True), {}
    x = torch.randn(2, 5, 3)
    for device in ("cpu", "other"):
        moved = lstm.to(device)
        out, (h, c) = moved(x.to(device))
        slopes = torch.autograd.grad(out.square().sum() + c.sum(), list(moved.parameters()))
        found[device] = [value.cpu() for value in (out, h, c, *slopes)]
    torch.testing.assert_close(found["other"], found["cpu"])


def test_random_numbers_are_those_of_the_cpu_and_leave_its_generator_alone(other):
    torch.manual_seed(5)
    wanted = [torch.rand(3), torch.empty(3).exponential_(), F.dropout(torch.ones(9)), torch.ones(4).bernoulli(0.5)]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    x = there(9) * 0 + 1
    found = [torch.rand(3, device="other"), x[:3].clone().exponential_(), F.dropout(x), (x[:4] * 0.5).bernoulli()]
    assert torch.equal(torch.get_rng_state(), before)
    for one, another in zip(found[:3], wanted[:3], strict=True):
        assert torch.equal(one.cpu(), another)
    module = torch.get_device_module("other")
    state = module.get_rng_state()
    first = torch.rand(2, device="other")
    module.set_rng_state(state)
    assert torch.equal(first.cpu(), torch.rand(2, device="other").cpu())
    with torch.random.fork_rng(devices=[0], device_type="other"):
        module.manual_seed(5)
        assert torch.equal(torch.rand(3, device="other").cpu(), wanted[0])
    assert not torch.equal(torch.rand(3, device="other").cpu(), wanted[0])


def test_saving_copying_and_pickling(other, tmp_path):
    model = network().to("other")
    model.first.weight.grad = torch.ones_like(model.first.weight)
    copied = copy.deepcopy(model)
    assert copied.first.weight is not model.first.weight and isinstance(copied.first.weight, nn.Parameter)
    assert torch.equal(copied.first.weight.grad.cpu(), torch.ones(4, 1, 3, 3))
    with torch.no_grad():
        copied.first.weight.zero_()
    assert model.first.weight.abs().sum() > 0
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    for place, device in ((None, other.device), ("cpu", torch.device("cpu")), ("other:0", other.device)):
        state = torch.load(tmp_path / "weights.pt", map_location=place, weights_only=True)
        assert all(value.device == device for value in state.values())
    network().load_state_dict(torch.load(tmp_path / "weights.pt", map_location="cpu", weights_only=True))
    for again in (pickle.loads(pickle.dumps(model)), torch.load(_saved(model), weights_only=False)):
        assert isinstance(again.first.weight, nn.Parameter) and again.first.weight.device == other.device
        assert torch.equal(again.first.weight.cpu(), model.first.weight.cpu())


def _saved(model):
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    return buffer


def test_what_is_assigned_to_data_takes_its_place(other):
    weight = nn.Parameter(there())
    weight.data = there(2)
    assert weight.shape == (2,) and weight.tolist() == [1.0, 2.0]
    assert (weight * 2).tolist() == [2.0, 4.0] and weight.data.requires_grad is False


def test_moving_a_module_there_and_back(other):
    model = network()
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    assert {x.device for x in model.to("other").state_dict().values()} == {other.device}
    assert all(torch.equal(model.cpu().state_dict()[name], weight) for name, weight in weights.items())


def test_the_device_is_there_inside_only():
    with other_device() as other:
        assert torch.accelerator.is_available() and torch.accelerator.device_count() == 1
        assert torch.accelerator.current_accelerator() == torch.device("other")
        torch.accelerator.synchronize(other.device)
        left = there()
    assert not torch.accelerator.is_available()
    for use in (lambda: torch.ones(2).to("other"), lambda: left + 1, lambda: torch.zeros(2, device="other")):
        with pytest.raises(RuntimeError, match="no device 'other' outside"):
            use()
    w = torch.ones(2, requires_grad=True)
    (w * 2).sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]
