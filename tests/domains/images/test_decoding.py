"""appnas.domains.images.decoding."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from appnas.domains.images.decoding import Form, decode, first_form, formed

RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def test_decode_makes_upright_rgb_of_one_size():
    wide = Image.new("RGB", (20, 10), RED)
    assert decode([wide], 8).shape == (1, 8, 8, 3) and decode([wide], 8).dtype == np.uint8
    sideways = Image.new("RGB", (8, 8), RED)
    sideways.paste(BLUE, (0, 0, 8, 4))  # the upper half is blue
    sideways.getexif()[0x0112] = 6  # a camera held sideways: turn right by 90 degrees to see it upright
    (upright,) = decode([sideways], 8)
    assert tuple(upright[4, 7]) == BLUE and tuple(upright[4, 0]) == RED  # now the right half is


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_decode_takes_every_common_kind_of_pixel(mode):
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 128 * 256 + 7, np.uint16))
        assert image.mode == mode
        expected = 128
    else:
        image = Image.new("L", (8, 8), 255).convert(mode)
        expected = 255
    (pixels,) = decode([image], 8)
    assert pixels.shape == (8, 8, 3) and (pixels == expected).all()


def test_decode_refuses_what_it_would_spoil(tmp_path):
    with pytest.raises(ValueError, match="an image has 'F' pixels: save it with 8 or 16 bits"):
        decode([Image.new("F", (8, 8), 0.5)], 8)
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(ValueError, match=r"a\.png is not a whole image"):
        decode([tmp_path / "a.png"], 8)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "b.png")
    content = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"b\.png is not a whole image"):
        decode([tmp_path / "b.png"], 8)


# Forms.


def halves():
    """20 wide, 10 high: the left quarter and the right quarter blue, the middle red."""
    image = Image.new("RGB", (20, 10), BLUE)
    image.paste(RED, (5, 0, 15, 10))
    return image


def test_a_crop_is_the_square_in_the_middle_and_a_stretch_the_whole():
    for image in (halves(), np.asarray(halves()), torch.from_numpy(np.array(halves())).permute(2, 0, 1)):
        cropped = formed(image, first_form(image, 5, "crop", 1))
        assert cropped.shape == (3, 5, 5) and cropped.dtype == torch.uint8
        assert (cropped == torch.tensor(RED)[:, None, None]).all()
        stretched = formed(image, first_form(image, 4, "stretch", 1))
        assert stretched.shape == (3, 4, 4)
        assert stretched[2, 0, 0] > 200 and stretched[0, 0, 1] > 200  # blue at the border, red inside


def test_a_form_shrinks_and_greys_as_arrays_are():
    form = first_form(halves(), 0, "crop", 5)
    assert form == Form((3, 10, 20), picture=True, shrink=5) and form.shape == (3, 2, 4)
    assert formed(halves(), form)[:, 0].T.tolist() == [list(map(float, c)) for c in (BLUE, RED, RED, BLUE)]
    grey = formed(halves(), dataclasses.replace(form, shrink=1, grey=2))
    assert grey.tolist() == [[[90.0, 90.0], [90.0, 90.0]]]  # 270 / 3, both colours alike
    with pytest.raises(ValueError, match="images of 10 x 20 pixels cannot be shrunk by 11"):
        first_form(halves(), 0, "crop", 11)


@pytest.mark.parametrize(
    "image",
    [torch.rand(3, 4, 4), torch.rand(4, 4, dtype=torch.float64), np.random.default_rng(0).random((4, 4, 3)),
     np.arange(16).reshape(4, 4), np.arange(16, dtype=np.uint16).reshape(4, 4)],
)  # fmt: skip
def test_pixels_that_are_no_bytes_are_floats(image):
    form = first_form(image, 0, "crop", 1)
    x = formed(image, form)
    assert x.dtype == torch.float32 and not form.whole and x.shape == form.size == ((1 if image.ndim == 2 else 3), 4, 4)


@pytest.mark.parametrize(
    ("first", "image", "said"),
    [
        (Image.new("RGB", (8, 8)), Image.new("RGB", (8, 9)),
         r"the first is \(3, 8, 8\), got \(3, 9, 8\); give Options\(side=...\) to resize all"),
        (torch.rand(3, 4, 4), torch.rand(1, 4, 4), r"the first is \(3, 4, 4\), got \(1, 4, 4\)$"),
        (torch.rand(3, 4, 4), torch.zeros(3, 4, 4, dtype=torch.uint8), "the first are floats, got 8-bit integers"),
        (torch.rand(3, 4, 4), torch.full((3, 4, 4), float("nan")), "it holds NaN or infinity"),
        (torch.rand(3, 4, 4), torch.rand(2, 3, 4, 4), r"got the shape \(2, 3, 4, 4\)"),
        (torch.rand(3, 4, 4), "a.png", "an image is one of Pillow's, a tensor .* got <U5"),
        (torch.rand(3, 4, 4), np.zeros((8, 8, 4)), r"\(8, 8, 4\) looks like \[H, W, C\] with 4 channels: keep 1 or 3"),
    ],
)  # fmt: skip
def test_images_of_another_form_say_how_they_differ(first, image, said):
    with pytest.raises(ValueError, match=said):
        formed(image, first_form(first, 0, "crop", 1))


def test_grey_pictures_in_one_channel_refuse_colour():
    form = dataclasses.replace(first_form(Image.new("L", (4, 4), 7), 2, "crop", 1), size=(1, 2, 2))
    assert formed(Image.new("L", (4, 4), 7), form).tolist() == [[[7, 7], [7, 7]]]
    assert formed(Image.new("RGB", (4, 4), (7, 7, 7)), form).tolist() == [[[7, 7], [7, 7]]]
    with pytest.raises(ValueError, match=r"it is in colour, .* give Options\(channels=3\)"):
        formed(Image.new("RGB", (4, 4), RED), form)
