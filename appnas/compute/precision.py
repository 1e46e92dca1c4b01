"""In which numbers networks are computed, and what of it a device has.

Weights, their gradients and the optimiser's state are in float32 whatever the setting, and so are losses and all
measurements: only a network's own pass in training is made in fewer bits ("bf16", "16": by `torch.autocast`) or with
rounded factors ("tf32": the matrix products and convolutions of NVIDIA's cards). Zero-cost scores are exact.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

Precision = Literal["32", "tf32", "bf16", "16"]
PRECISIONS = ("32", "tf32", "bf16", "16")
LOWER = {"bf16": torch.bfloat16, "16": torch.float16}
"""Type of a network's pass where it is not float32."""
R = TypeVar("R")


def check_precision(precision: str, device: torch.device) -> None:
    """Check that a device computes in a precision; what it computes slowly is told in a warning.

    Raises:
        ValueError: an unknown name, or the device lacks it.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "tf32" and not _has_tf32(device):
        raise ValueError(
            f"precision 'tf32' is of NVIDIA's cards from Ampere on (compute capability 8.0), not of {str(device)!r}:"
            " leave it at '32'"
        )
    if precision in LOWER and not _has_autocast(precision, device):
        raise ValueError(f"precision {precision!r} is not to be had on {str(device)!r}: leave it at '32'")
    if precision in LOWER and device.type == "cpu" and (slow := slow_here(precision)):
        warnings.warn(f"precision {precision!r} on this processor: {slow}", stacklevel=2)


def _has_tf32(device: torch.device) -> bool:
    return device.type == "cuda" and not torch.version.hip and torch.cuda.get_device_capability(device) >= (8, 0)


def _has_autocast(precision: str, device: torch.device) -> bool:
    if not torch.amp.is_autocast_available(device.type):
        return False
    if precision == "bf16" and device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0) or bool(torch.version.hip)
    if precision == "bf16" and device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    return True


def slow_here(precision: str) -> str:
    """Why a type of fewer bits would be slower than float32 on this machine's processor; "" where it need not be."""
    if precision == "16":
        return "torch's float16 convolutions take 10 to 70 times as long as float32's there; '32' or 'bf16' is right"
    if platform.machine().lower() not in ("x86_64", "amd64"):
        native = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if native:
        return ""
    return (
        f"it has no instructions for bfloat16 (torch sees {torch.backends.cpu.get_cpu_capability()}), which then takes"
        " about 8 times as long as float32: '32' is right"
    )


def float32_flags() -> dict[str, str]:
    """How torch computes products of float32 on NVIDIA's cards: "ieee", "tf32", or "none" for its default."""
    return {name: flag.fp32_precision for name, flag in _flags().items()}


def _flags() -> dict[str, Any]:
    """Torch's settings by what they are of."""
    cudnn: Any = torch.backends.cudnn
    return {"matmul": torch.backends.cuda.matmul, "convolution": cudnn.conv, "recurrent": cudnn.rnn}


@contextmanager
def float32_products(precision: str) -> Iterator[None]:
    """Inside, products of float32 are made in TF32 if the precision is "tf32"; else torch's own flags stay."""
    if precision != "tf32":
        yield
        return
    before = float32_flags()
    try:
        for flag in _flags().values():
            flag.fp32_precision = "tf32"
        yield
    finally:
        for name, flag in _flags().items():
            flag.fp32_precision = before[name]


def lowered(network: Callable[..., Any], precision: str, device: torch.device) -> Callable[..., Any]:
    """A network whose pass is made in the precision, and whose outputs are float32 again; itself for float32."""
    if precision not in LOWER:
        return network

    def _run(*inputs: Any, **more: Any) -> Any:
        with torch.autocast(device.type, LOWER[precision]):
            found = network(*inputs, **more)
        return tree_map(_whole, found)

    return _run


def _whole(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in LOWER.values() else value


def exact(function: Callable[..., R]) -> Callable[..., R]:
    """A function that computes in float32 wherever it is called: for what torch has for no other type.

    Of its arguments, tensors in fewer bits arrive as float32. Where nothing lowers the precision it is called as it is.
    """

    @wraps(function)
    def _run(*args: Any, **more: Any) -> R:
        kinds = {x.device.type for x in args if isinstance(x, Tensor)}
        on = [kind for kind in kinds if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)]
        if not on:
            return function(*args, **more)
        with torch.autocast(on[0], enabled=False):
            return function(*map(_whole, args), **more)

    return _run
