"""QR codes of short links, decoded as a phone would."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from chalicelib.core.links import qr
from chalicelib.core.links.qr import Drawing
from chalicelib.errors import QueryInvalid

SHORT = "https://sho.rt/aB3_-x9"
LONG = "https://a-rather-long-name.example.com/" + "aB3_-x9Z" * 8
PIXELS = 8  # of a module in rendered SVG
_STEP = re.compile(r"([MhmvzH])([^MhmvzH]*)")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")


def decode(picture: Image.Image) -> list[str]:
    """Return the texts of the codes in ``picture``; only dark on light, because many phones read nothing else."""
    return [found.text for found in zxingcpp.read_barcodes(picture.convert("RGB"), try_invert=False)]


def open_png(png: bytes) -> Image.Image:
    """Return the image in ``png``."""
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return picture


def render(svg: str) -> Image.Image:
    """Render an SVG that has one background and one path of horizontal strokes, each a module high."""
    modules = int(attribute(svg, "viewBox").split()[2])
    light, dark = attribute(svg, "fill"), attribute(svg, "stroke")
    picture = Image.new("RGB", (modules * PIXELS, modules * PIXELS), light)
    canvas, x, y = ImageDraw.Draw(picture), 0.0, 0.0
    for step, numbers in _STEP.findall(re.findall(r' d="([^"]*)"', svg)[-1]):
        by = [float(number) for number in _NUMBER.findall(numbers)]
        if step == "M":
            x, y = by
        elif step == "m":
            x, y = x + by[0], y + by[1]
        else:
            assert step == "h"
            left, top = int(x * PIXELS), int((y - 0.5) * PIXELS)
            canvas.rectangle((left, top, left + int(by[0] * PIXELS) - 1, top + PIXELS - 1), dark)
            x += by[0]
    return picture


def attribute(svg: str, name: str) -> str:
    """Return the value of the first attribute of this name."""
    match = re.search(rf'[ \n]{name}="([^"]*)"', svg)
    assert match is not None
    return match[1]


def wrong(query: Mapping[str, str]) -> dict[str, str]:
    """Return the errors of ``query``: parameter and code."""
    with pytest.raises(QueryInvalid) as invalid:
        Drawing.from_query(query)
    assert all(error.message for error in invalid.value.errors)
    return {error.field: error.code for error in invalid.value.errors}


VALID_QUERIES = [
    {},
    {"size": "64", "margin": "0", "level": "L"},
    {"size": "64"},
    {"size": "2048"},
    {"size": "1000", "margin": "16"},
    {"margin": "0"},
    {"margin": "1", "level": "H"},
    {"level": "L"},
    {"level": "Q"},
    {"level": "H"},
    {"level": "h"},
    {"dark": "1a1d29", "light": "f4f1ea"},
    {"dark": "#004", "light": "#FFC"},
    {"dark": "7f7f7f"},
    {"light": "6d6d6d"},
    {"dark": "00f", "light": "0f0"},
    {"dark": "e00", "light": "fff", "margin": "2"},
]


@pytest.mark.parametrize("text", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("query", VALID_QUERIES, ids=str)
def test_png_can_be_decoded(query: dict[str, str], text: str) -> None:
    """With all allowed sizes, margins, levels and colours."""
    png = Drawing.from_query(query).png(text)

    assert decode(open_png(png)) == [text]


@pytest.mark.parametrize("text", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("query", VALID_QUERIES, ids=str)
def test_svg_can_be_decoded(query: dict[str, str], text: str) -> None:
    """After rendering, with the same parameters."""
    svg = Drawing.from_query(query).svg(text)

    assert decode(render(svg)) == [text]


@pytest.mark.parametrize("size", [64, 100, 320, 2048])
@pytest.mark.parametrize("margin", [0, 4, 16])
def test_svg_has_exactly_the_requested_size(size: int, margin: int) -> None:
    """In pixels, including the margin."""
    svg = Drawing(size=size, margin=margin).svg(SHORT)

    assert re.match(rf'<svg width="{size}" height="{size}" ', svg)
    assert attribute(svg, "viewBox") == f"0 0 {25 + 2 * margin} {25 + 2 * margin}"
    assert svg.count("<svg") == 1


@pytest.mark.parametrize(
    ("size", "margin", "pixels"),
    [(320, 4, 297), (330, 4, 330), (2048, 4, 2046), (100, 0, 100), (99, 0, 75), (64, 0, 50), (64, 4, 33), (64, 16, 57)],
)
def test_png_has_whole_pixels_a_module(size: int, margin: int, pixels: int) -> None:
    """It is as large as that allows, up to the requested size: fractions of pixels would be blurred."""
    assert open_png(Drawing(size=size, margin=margin).png(SHORT)).size == (pixels, pixels)


def test_png_has_at_least_one_pixel_a_module() -> None:
    """Even if it becomes larger than requested."""
    picture = open_png(Drawing(size=64, margin=16, level="H").png(LONG))

    assert picture.width > 64
    assert decode(picture) == [LONG]


@pytest.mark.parametrize("margin", [0, 1, 4, 16])
def test_margin_is_light(margin: int) -> None:
    """It has the requested number of modules on each side; the next module is the corner of the code."""
    svg, png = (getattr(Drawing(size=400, margin=margin, dark="#112233"), kind)(SHORT) for kind in ("svg", "png"))

    for picture in (render(svg).convert("RGB"), open_png(png).convert("RGB")):
        module = picture.width // (25 + 2 * margin)
        dark = [at for at in range(picture.width) if picture.getpixel((at, module * margin)) == (0x11, 0x22, 0x33)]
        assert (dark[0], dark[-1]) == (module * margin, picture.width - module * margin - 1)


@pytest.mark.parametrize("level", qr.LEVELS)
def test_level_is_the_requested_one(level: str) -> None:
    """Not a higher one that happens to fit, so that the image is predictable."""
    for picture in (open_png(Drawing(level=level).png(SHORT)), render(Drawing(level=level).svg(SHORT))):
        (found,) = zxingcpp.read_barcodes(picture.convert("RGB"))
        assert found.ec_level == level


def test_longest_code_fits_at_every_level() -> None:
    """64 characters, with a long host name."""
    for level in qr.LEVELS:
        assert decode(open_png(Drawing(level=level).png(LONG))) == [LONG]


@pytest.mark.parametrize(
    ("query", "drawing"),
    [
        ({}, Drawing()),
        ({"size": "64"}, Drawing(size=64)),
        ({"size": "0320"}, Drawing(size=320)),
        ({"size": "2048", "margin": "16"}, Drawing(size=2048, margin=16)),
        ({"margin": "0"}, Drawing(margin=0)),
        ({"level": "q"}, Drawing(level="Q")),
        ({"dark": "#123"}, Drawing(dark="#112233")),
        ({"dark": "aBcDeF", "light": "000000"}, None),
        ({"light": "#FFEEDD"}, Drawing(light="#ffeedd")),
    ],
    ids=str,
)
def test_parameters_are_read_from_a_query(query: dict[str, str], drawing: Drawing | None) -> None:
    """Colours with or without #, with three or six digits, in any case; the default is black on white."""
    if drawing is None:
        assert wrong(query) == {"dark": "contrast-too-low"}
    else:
        assert Drawing.from_query(query) == drawing


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ({"size": "63"}, {"size": "invalid"}),
        ({"size": "2049"}, {"size": "invalid"}),
        ({"size": "0"}, {"size": "invalid"}),
        ({"size": "-320"}, {"size": "invalid"}),
        ({"size": "+320"}, {"size": "invalid"}),
        ({"size": "320px"}, {"size": "invalid"}),
        ({"size": "3e2"}, {"size": "invalid"}),
        ({"size": "320.0"}, {"size": "invalid"}),
        ({"size": " 320"}, {"size": "invalid"}),
        ({"size": "320\n"}, {"size": "invalid"}),
        ({"size": "1_000"}, {"size": "invalid"}),
        ({"size": "٣٢٠"}, {"size": "invalid"}),
        ({"size": "9" * 10_000}, {"size": "invalid"}),
        ({"size": ""}, {"size": "invalid"}),
        ({"margin": "17"}, {"margin": "invalid"}),
        ({"margin": "-1"}, {"margin": "invalid"}),
        ({"margin": "four"}, {"margin": "invalid"}),
        ({"level": "X"}, {"level": "invalid"}),
        ({"level": "LM"}, {"level": "invalid"}),
        ({"level": ""}, {"level": "invalid"}),
        ({"dark": "black"}, {"dark": "invalid"}),
        ({"dark": "12"}, {"dark": "invalid"}),
        ({"dark": "1234"}, {"dark": "invalid"}),
        ({"dark": "11223344"}, {"dark": "invalid"}),
        ({"dark": "##112233"}, {"dark": "invalid"}),
        ({"dark": "11223g"}, {"dark": "invalid"}),
        ({"dark": '"/><script>'}, {"dark": "invalid"}),
        ({"light": ""}, {"light": "invalid"}),
        ({"light": "#fff\n"}, {"light": "invalid"}),
        (
            {"size": "1", "margin": "x", "level": "Z", "dark": "red", "light": "snow", "fbclid": "x"},
            {
                "size": "invalid",
                "margin": "invalid",
                "level": "invalid",
                "dark": "invalid",
                "light": "invalid",
            },
        ),
        # Colours that are too similar, or inverted.
        ({"dark": "ffffff", "light": "000000"}, {"dark": "contrast-too-low"}),
        ({"light": "000000"}, {"dark": "contrast-too-low"}),
        ({"dark": "fff"}, {"dark": "contrast-too-low"}),
        ({"dark": "808080"}, {"dark": "contrast-too-low"}),
        ({"light": "6c6c6c"}, {"dark": "contrast-too-low"}),
        ({"dark": "f00"}, {"dark": "contrast-too-low"}),
        ({"dark": "ff0"}, {"dark": "contrast-too-low"}),
        ({"dark": "f00", "light": "0f0"}, {"dark": "contrast-too-low"}),
        ({"size": "1", "dark": "fff"}, {"size": "invalid", "dark": "contrast-too-low"}),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_invalid_parameters_are_refused(query: dict[str, str], errors: dict[str, str]) -> None:
    """Every invalid parameter is reported, with a code."""
    assert wrong(query) == errors


def test_unknown_parameters_are_ignored() -> None:
    """Social networks add parameters of their own to links."""
    more = {"fbclid": "x", "utm_source": "mail", "colour": "112233", "": "", "x" * 100: "1"}

    assert Drawing.from_query({"size": "320", **more}) == Drawing(size=320)


@pytest.mark.parametrize(
    ("dark", "light", "ratio"),
    [
        ("#000000", "#ffffff", 21),
        ("#ffffff", "#000000", 1 / 21),
        ("#123456", "#123456", 1),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.0),
        ("#0000ff", "#ffffff", 8.59),
        ("#000000", "#00ff00", 15.3),
    ],
)
def test_contrast_follows_wcag(dark: str, light: str, ratio: float) -> None:
    """The ratios are those of WCAG's own examples and tools."""
    assert qr.contrast(dark, light) == pytest.approx(ratio, rel=0.002)
