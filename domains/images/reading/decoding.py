"""One image of any kind as a tensor of the size that is wanted: Pillow decodes and resizes files, torch tensors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, interpolate

from appnas.domains.data_files import missing
from appnas.domains.images.arrays import layout_of

FITTING = ("crop", "stretch")
"""How an image of another shape becomes a square, see `Form`."""


@dataclass(frozen=True)
class Form:
    """What images are made into when they are read.

    Attributes:
        size: channels, height and width as they are read, before `shrink`.
        picture: whether they are Pillow's, of which grey ones can be had in one channel.
        whole: whether pixels are 8-bit integers, else floats.
        side: images are resized to side x side pixels; 0 refuses those of another size.
        fitting: "crop" takes the largest square in the middle first, "stretch" the whole image.
        shrink: average-pool by this factor.
        grey: if not 0, the mean over the colours averaged down to so many pixels a side.
    """

    size: tuple[int, int, int]
    picture: bool = False
    whole: bool = True
    side: int = 0
    fitting: str = "crop"
    shrink: int = 1
    grey: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what comes out."""
        if self.grey:
            return 1, self.grey, self.grey
        return self.size[0], self.size[1] // self.shrink, self.size[2] // self.shrink


def first_form(image: Any, side: int, fitting: str, shrink: int) -> Form:
    """The form of a data set by its first image.

    Raises:
        ValueError: no image, or fewer pixels than `shrink`.
    """
    x = _fitted(image, side, fitting, None)
    if shrink > min(x.shape[1:]):
        raise ValueError(f"images of {x.shape[1]} x {x.shape[2]} pixels cannot be shrunk by {shrink}")
    c, h, w = x.shape
    return Form((c, h, w), is_picture(image), x.dtype == torch.uint8, side, fitting, shrink)


def formed(image: Any, form: Form) -> Tensor:
    """An image as a tensor in its form. Shapes: returns [C, H, W].

    Args:
        image: of Pillow, a tensor [C, H, W] or [H, W], or an array [H, W, C], [C, H, W] or [H, W].
        form: what is wanted.

    Raises:
        ValueError: what it is, and what would be right.
    """
    x = _fitted(image, form.side, form.fitting, form.size[0])
    if tuple(x.shape) != form.size:
        mixed = "" if x.shape[0] != form.size[0] else "; give Options(side=...) to resize all to one size"
        raise ValueError(
            f"images have one shape [C, H, W], that of the first is {form.size}, got {tuple(x.shape)}{mixed}"
        )
    if (x.dtype == torch.uint8) != form.whole:
        raise ValueError(
            f"images have one kind of pixels, those of the first are {'8-bit integers' if form.whole else 'floats'},"
            f" got {'8-bit integers' if x.dtype == torch.uint8 else 'floats'}"
        )
    if not form.whole and not torch.isfinite(x).all():
        raise ValueError("it holds NaN or infinity; clean it first")
    if form.shrink > 1:
        x = avg_pool2d(x[None].float(), form.shrink)[0]
    return adaptive_avg_pool2d(x.float().mean(0, keepdim=True), form.grey) if form.grey else x


def is_picture(image: Any) -> bool:
    """Whether it is one of Pillow's."""
    return hasattr(image, "convert") and hasattr(image, "getbands")


def _fitted(image: Any, side: int, fitting: str, channels: int | None) -> Tensor:
    """A picture upright, in 8 bits, with so many channels and of its size; anything else of its size.

    Shapes: returns [C, H, W].
    """
    if is_picture(image):
        return torch.from_numpy(_squared(_upright(image), side, fitting, channels)).permute(2, 0, 1)
    x = tensor_of(image)
    if not side or x.shape[1:] == (side, side):
        return x
    if fitting == "crop":
        h, w = x.shape[1:]
        short = min(h, w)
        top, left = (h - short) // 2, (w - short) // 2
        x = x[:, top : top + short, left : left + short]
    return interpolate(x[None], (side, side), mode="bilinear", antialias=True, align_corners=False)[0]


def _squared(picture: Any, side: int, fitting: str, channels: int | None) -> np.ndarray:
    """A picture as an array of its size with `channels` channels, by default three. Shapes: returns [H, W, C]."""
    if channels != 1 or picture.mode != "L":
        picture = picture.convert("RGB")
    if side and picture.size != (side, side):
        if fitting == "crop":
            w, h = picture.size
            short = min(w, h)
            left, top = (w - short) // 2, (h - short) // 2
            picture = picture.crop((left, top, left + short, top + short))
        picture = picture.resize((side, side))
    x = np.array(picture)
    if x.ndim == 2:
        return x[:, :, None]
    if channels == 1:
        if not (x == x[..., :1]).all():
            raise ValueError("it is in colour, where all that were looked at first are grey: give Options(channels=3)")
        return x[..., :1]
    return x


def tensor_of(image: Any) -> Tensor:
    """A tensor or an array as a tensor [C, H, W], of 8-bit integers or of floats.

    Where its shape does not tell, a tensor is [C, H, W] and an array [H, W, C], as is usual.

    Raises:
        ValueError: something else, or another number of axes.
    """
    right = "an image is one of Pillow's, a tensor [C, H, W] or an array [H, W, C] of numbers"
    usual = "CHW" if isinstance(image, Tensor) else "HWC"
    if not isinstance(image, Tensor):
        image = np.asarray(image)
        if image.dtype.kind not in "iufb":
            raise ValueError(f"{right}, got {image.dtype}")
        image = torch.from_numpy(image if image.flags.writeable else image.copy())
    x: Tensor = image
    if x.dim() not in (2, 3) or x.numel() == 0:
        raise ValueError(f"{right}, got the shape {tuple(x.shape)}")
    if x.dim() == 2:
        x = x[None]
    elif (layout_of(*x.shape) or usual) == "HWC":
        if x.shape[2] not in (1, 3):
            raise ValueError(f"{right}: {tuple(x.shape)} looks like [H, W, C] with {x.shape[2]} channels: keep 1 or 3")
        x = x.permute(2, 0, 1)
    return x if x.dtype == torch.uint8 else x.float()


def _pillow() -> tuple[Any, Any]:
    """Pillow's modules Image and ImageOps.

    Raises:
        ImportError: it is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise missing("pillow", "images") from error
    return Image, ImageOps


def _upright(picture: Any) -> Any:
    """A picture turned as its camera was, with 8 bits a colour.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: its pixels have more than 16 bits.
    """
    image, ops = _pillow()
    picture = ops.exif_transpose(picture)
    if picture.mode.startswith("I;16"):  # converting would clip instead of scale
        picture = image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError(f"an image has {picture.mode!r} pixels: save it with 8 or 16 bits a pixel")
    return picture


def picture_of(file: Any) -> Any:
    """The upright picture in a file.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: the file is not an image, is cut off, or has more than 16 bits a colour.
    """
    image, _ = _pillow()
    try:
        with image.open(file) as picture:
            return _upright(picture)
    except OSError as error:  # UnidentifiedImageError is one
        raise ValueError(f"{file} is not a whole image: {error}") from error


def decode(pictures: Iterable[Any], side: int, fitting: str = "stretch") -> np.ndarray:
    """Image files, or PIL images, as upright 8-bit RGB arrays, resized if need be. Shapes: returns [N, side, side, 3].

    Raises:
        ImportError: Pillow is not installed.
        ValueError: a file that is not an image, is cut off, or has more than 8 bits a colour (16-bit grey is scaled).
    """
    _pillow()
    upright = (_upright(picture) if is_picture(picture) else picture_of(picture) for picture in pictures)
    return np.stack([_squared(picture, side, fitting, 3) for picture in upright])
