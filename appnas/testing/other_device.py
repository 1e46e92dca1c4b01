"""A device on paper: tensors that lie on the CPU and claim to live on "other:0", for tests without an accelerator.

    with other_device() as other:
        result = appnas.search(space, domain, "darts", device="other")
    assert len(other.transfers) <= 2 * steps

A mix with tensors of the CPU raises, as on an accelerator, with torch's own exceptions to the rule: numbers (tensors
without dimensions) in element-wise operations, indices of the CPU into what lives there, and copies. Whatever makes the
host wait for a value is written down, with the line of this package that asked for it. Numbers are those of the CPU to
the last bit, and drawn by a generator of the device's own, which gives what the CPU's would for the same seed.

Not to be had: compilation, streams, pinned memory, generators by `torch.Generator("other")`, a second device, recurrent
layers other than the LSTM. Gradients of the CPU that are given to a backward pass are not refused, and
`torch.load(map_location="other")` puts there only what was saved from there.
"""

# mypy: disable-error-code="override,no-untyped-call,unused-ignore"

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor, nn

from appnas.testing.device_rules import NAME, lstm_cell, refuse_mixtures, rules_of, tensors_in, waits


class Transfer(NamedTuple):
    """Something that made the host wait.

    Attributes:
        operation: of torch.
        line: module and line of this package that asked for it; "" if none did.
    """

    operation: str
    line: str


class OtherDevice:
    """What `other_device` yields.

    Attributes:
        device: other:0.
        transfers: all to the host so far, in order; `clear` it to count anew.
    """

    def __init__(self) -> None:
        self.device = torch.device(NAME, 0)
        self.transfers: list[Transfer] = []
        self.rng = torch.Generator().manual_seed(0)

    def noted(self, operation: str) -> None:
        """Write a transfer down."""
        frame = sys._getframe(1)
        while frame.f_back and not _ours(frame.f_globals.get("__name__", "")):
            frame = frame.f_back
        name = frame.f_globals.get("__name__", "")
        self.transfers.append(Transfer(operation, f"{name}:{frame.f_lineno}" if _ours(name) else ""))

    def drawn(self, draw: Callable[[], Any]) -> Any:
        """What is drawn from the device's generator instead of the CPU's."""
        own = torch.get_rng_state()
        torch.set_rng_state(self.rng.get_state())
        try:
            return draw()
        finally:
            self.rng.set_state(torch.get_rng_state())
            torch.set_rng_state(own)


def _ours(name: str) -> bool:
    return name.startswith("appnas.") and not name.startswith("appnas.testing.")


_active: list[OtherDevice] = []


class Elsewhere(Tensor):
    """A tensor of the other device; `content` holds its values."""

    content: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, content: Tensor) -> Elsewhere:
        """A tensor of the other device with the values, and the memory, of one of the CPU."""
        dense = content.layout is torch.strided
        places: Any = {"strides": content.stride(), "storage_offset": content.storage_offset()} if dense else {}
        made: Elsewhere = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, content.size(), **places, dtype=content.dtype, device=torch.device(NAME, 0)
        )
        made.content = content
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Any operation on them."""
        return _run(func, args, kwargs or {})

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"{self.content!r} on {NAME}:0"

    def untyped_storage(self) -> torch.UntypedStorage:
        """The memory of its values: what shares it is told by its address."""
        return self.content.untyped_storage()

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(_listless(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_listless(index), value)

    def tolist(self) -> Any:
        """Its values, by way of the CPU."""
        return self.cpu().tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """Refused as on any device."""
        if force:
            return self.detach().cpu().numpy()
        raise TypeError(
            f"can't convert {NAME}:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor first."
        )

    def new_tensor(self, data: Any, **more: Any) -> Tensor:
        """A tensor here, of the same type unless told otherwise."""
        place = more.pop("device", self.device)
        return torch.tensor(data, **{"dtype": self.dtype, **more}).to(place)

    @property  # type: ignore[misc]
    def data(self) -> Tensor:  # type: ignore[override]
        """The same without history; to be assigned to."""
        return self.detach()

    @data.setter
    def data(self, value: Elsewhere) -> None:
        """Put another tensor of the device in its place."""
        Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
        self.content = value.content

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) not in memo:
            if not self.is_leaf:
                raise RuntimeError("only tensors that are leaves of the graph can be copied deeply")
            copied: Any = self.detach().clone().requires_grad_(self.requires_grad)
            if isinstance(self, nn.Parameter):
                copied._is_param = True
            if self.grad is not None:
                copied.grad = self.grad.detach().clone()
            memo[id(self)] = copied
        return memo[id(self)]  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> Any:
        _device()
        args = self.content.detach(), self.dtype, str(self.device), self.requires_grad
        rebuilt = torch._utils._rebuild_device_tensor_from_cpu_tensor, args
        if not isinstance(self, nn.Parameter):
            return rebuilt
        plain: Any = self.detach()
        return torch._utils._rebuild_parameter, (plain, self.requires_grad, {})


def _listless(index: Any) -> Any:
    """An index without lists, of which torch makes tensors where nothing can see it."""
    if isinstance(index, tuple):
        return tuple(map(_listless, index))
    return torch.tensor(index) if isinstance(index, list) else index


def _bare(value: Any) -> Any:
    if isinstance(value, Elsewhere):
        return value.content
    return type(value)(map(_bare, value)) if type(value) in (list, tuple) else value


def _there(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value if isinstance(value, Elsewhere) else Elsewhere(value)
    return type(value)(map(_there, value)) if type(value) in (list, tuple) else value


def _device() -> OtherDevice:
    if not _active:
        raise RuntimeError(f"there is no device {NAME!r} outside of appnas.testing.other_device()")
    return _active[-1]


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operation that concerns the other device."""
    rules, target = rules_of(func), kwargs.get("device")
    tensors = list(tensors_in((*args, *kwargs.values())))
    there = any(isinstance(tensor, Elsewhere) for tensor in tensors)
    if there:
        refuse_mixtures(rules, args, tensors)
    onto = there if target is None else _is_other(torch.device(target))
    device = _device()
    if there and waits(rules, args, kwargs, onto):
        device.noted(rules.name)
    bare = {name: _bare(value) for name, value in kwargs.items()}
    if onto and target is not None:
        bare["device"] = torch.device("cpu")
    call = lambda: func(*map(_bare, args), **bare)  # noqa: E731
    if rules.drawn and (there or onto):
        if any(isinstance(value, torch.Generator) for value in (*args, *kwargs.values())):
            raise RuntimeError(f"Expected a {NAME!r} device type for generator but found 'cpu' ({rules.name})")
        out = device.drawn(call)
    else:
        out = call()
    if not rules.written:
        return _there(out) if onto else out
    own = tuple(args[place] if place < len(args) else kwargs[name] for place, name in rules.written)
    for tensor in own:
        if isinstance(tensor, Elsewhere) and (rules.changed or tensor.shape != tensor.content.shape):
            tensor.data = Elsewhere(tensor.content)
    return own[0] if len(own) == 1 else own


def _is_other(target: torch.device) -> bool:
    if target.type == NAME and target.index not in (None, 0):
        raise RuntimeError(f"there is one device of the kind {NAME!r}, {NAME}:0, not {target}")
    return target.type == NAME


def _module() -> Any:
    """What `torch.other` is: the device's module."""
    seed = lambda number: _active and _active[-1].rng.manual_seed(number)  # noqa: E731
    return SimpleNamespace(
        _initialized=True, is_initialized=lambda: True, is_available=lambda: bool(_active), current_device=lambda: 0,
        device_count=lambda: len(_active[:1]), _is_in_bad_fork=lambda: False, manual_seed=seed, manual_seed_all=seed,
        get_rng_state=lambda device=0: _device().rng.get_state(), synchronize=lambda device=None: None,
        set_rng_state=lambda state, device=0: _device().rng.set_state(state), set_device=lambda device: None,
        device=lambda device=None: nullcontext(), get_amp_supported_dtype=lambda: [torch.bfloat16, torch.float16],
    )  # fmt: skip


@cache
def _register() -> Any:
    """Tell torch of the device, which is possible once in a process. Returns what must be kept alive."""
    import torch.utils.backend_registration as registration

    if not hasattr(registration, "_setup_privateuseone_for_python_backend"):
        raise RuntimeError(f"torch {torch.__version__} knows no devices written in Python: 2.13 does")

    class Hook(registration._DummyPrivateUse1Hook):  # type: ignore[misc]
        def is_available(self) -> bool:
            return bool(_active)

    registration._setup_privateuseone_for_python_backend(NAME, backend_module=_module(), hook=Hook())
    own = lambda storage, place: storage if place.startswith(NAME) else None  # noqa: E731
    torch.serialization.register_package(5, lambda storage: None, own)
    library = torch.library.Library("_", "IMPL")
    library.fallback(lambda func, *args, **kwargs: _run(func, args, kwargs), "PrivateUse1")
    cells = torch.library.Library("aten", "IMPL")
    cells.impl("_thnn_fused_lstm_cell", lstm_cell, "AutogradPrivateUse1")
    return library, cells


@contextmanager
def other_device() -> Iterator[OtherDevice]:
    """The device is there inside, torch's only accelerator; backward passes run in the calling thread.

    Raises:
        RuntimeError: this version of torch cannot have it.
    """
    _register()

    def there(make: Callable[..., Tensor]) -> Callable[..., Tensor]:  # their inner workings bypass all dispatching
        def made(data: Any, **more: Any) -> Tensor:
            place = more.get("device")
            if isinstance(data, Tensor) or place is None or torch.device(place).type != NAME:
                return make(data, **more)
            return make(data, **{**more, "device": None}).to(place)

        return made

    _active.append(OtherDevice())
    idle = mock.patch("torch.accelerator.synchronize", lambda device=None: None)
    made = mock.patch.multiple(torch, tensor=there(torch.tensor), as_tensor=there(torch.as_tensor))
    try:
        with torch.autograd.set_multithreading_enabled(False), idle, made:
            yield _active[-1]
    finally:
        _active.pop()
