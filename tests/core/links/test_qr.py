"""QR codes of short links, read back as a phone would."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from chalicelib.core import qr
from chalicelib.core.qr import Drawing
from chalicelib.errors import QueryInvalid

SHORT = "https://sho.rt/aB3_-x9"
LONG = "https://a-rather-long-name.example.com/" + "aB3_-x9Z" * 8
PIXELS = 8  # of the painter's, a module
_STEP = re.compile(r"([MhmvzH])([^MhmvzH]*)")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")


def words_in(picture: Image.Image) -> list[str]:
    """Return what a phone reads in ``picture``; dark on light alone, for many phones read nothing else."""
    return [found.text for found in zxingcpp.read_barcodes(picture.convert("RGB"), try_invert=False)]


def photo(png: bytes) -> Image.Image:
    """Return the picture that ``png`` is."""
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return picture


def painted(svg: str) -> Image.Image:
    """Paint an SVG of one background and one line of horizontal strokes, a module high each."""
    modules = int(attribute(svg, "viewBox").split()[2])
    light, dark = attribute(svg, "fill"), attribute(svg, "stroke")
    picture = Image.new("RGB", (modules * PIXELS, modules * PIXELS), light)
    paint, x, y = ImageDraw.Draw(picture), 0.0, 0.0
    for step, numbers in _STEP.findall(re.findall(r' d="([^"]*)"', svg)[-1]):
        by = [float(number) for number in _NUMBER.findall(numbers)]
        if step == "M":
            x, y = by
        elif step == "m":
            x, y = x + by[0], y + by[1]
        else:
            assert step == "h"
            left, top = int(x * PIXELS), int((y - 0.5) * PIXELS)
            paint.rectangle((left, top, left + int(by[0] * PIXELS) - 1, top + PIXELS - 1), dark)
            x += by[0]
    return picture


def attribute(svg: str, name: str) -> str:
    """Return what the first attribute of this name holds."""
    match = re.search(rf'[ \n]{name}="([^"]*)"', svg)
    assert match is not None
    return match[1]


def wrong(query: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with ``query``: parameter and code."""
    with pytest.raises(QueryInvalid) as invalid:
        Drawing.from_query(query)
    assert all(error.message for error in invalid.value.errors)
    return {error.field: error.code for error in invalid.value.errors}


LOOKS = [
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
@pytest.mark.parametrize("query", LOOKS, ids=str)
def test_a_png_is_read_by_phones(query: dict[str, str], text: str) -> None:
    """At every size, margin, level and pair of colours that is allowed."""
    png = Drawing.from_query(query).png(text)

    assert words_in(photo(png)) == [text]


@pytest.mark.parametrize("text", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("query", LOOKS, ids=str)
def test_an_svg_is_read_by_phones(query: dict[str, str], text: str) -> None:
    """The same, once it is painted."""
    svg = Drawing.from_query(query).svg(text)

    assert words_in(painted(svg)) == [text]


@pytest.mark.parametrize("size", [64, 100, 320, 2048])
@pytest.mark.parametrize("margin", [0, 4, 16])
def test_an_svg_is_of_exactly_the_size_asked_for(size: int, margin: int) -> None:
    """In pixels; what is drawn fills it, the margin included."""
    svg = Drawing(size=size, margin=margin).svg(SHORT)

    assert re.match(rf'<svg width="{size}" height="{size}" ', svg)
    assert attribute(svg, "viewBox") == f"0 0 {25 + 2 * margin} {25 + 2 * margin}"
    assert svg.count("<svg") == 1


@pytest.mark.parametrize(
    ("size", "margin", "pixels"),
    [(320, 4, 297), (330, 4, 330), (2048, 4, 2046), (100, 0, 100), (99, 0, 75), (64, 0, 50), (64, 4, 33), (64, 16, 57)],
)
def test_a_png_is_as_large_as_whole_pixels_allow(size: int, margin: int, pixels: int) -> None:
    """Never larger than asked for: half a pixel of a module is a blur that cameras stumble over."""
    assert photo(Drawing(size=size, margin=margin).png(SHORT)).size == (pixels, pixels)


def test_a_png_has_a_pixel_a_module_at_least() -> None:
    """Even where that is more than was asked for."""
    picture = photo(Drawing(size=64, margin=16, level="H").png(LONG))

    assert picture.width > 64
    assert words_in(picture) == [LONG]


@pytest.mark.parametrize("margin", [0, 1, 4, 16])
def test_a_margin_is_light(margin: int) -> None:
    """So many modules on each side, and the next is the corner of the code."""
    svg, png = (getattr(Drawing(size=400, margin=margin, dark="#112233"), kind)(SHORT) for kind in ("svg", "png"))

    for picture in (painted(svg).convert("RGB"), photo(png).convert("RGB")):
        module = picture.width // (25 + 2 * margin)
        dark = [at for at in range(picture.width) if picture.getpixel((at, module * margin)) == (0x11, 0x22, 0x33)]
        assert (dark[0], dark[-1]) == (module * margin, picture.width - module * margin - 1)


@pytest.mark.parametrize("level", qr.LEVELS)
def test_a_level_is_what_was_asked_for(level: str) -> None:
    """Not a better one that happens to fit: who asks for L wants it small, and the picture the same tomorrow."""
    for picture in (photo(Drawing(level=level).png(SHORT)), painted(Drawing(level=level).svg(SHORT))):
        (found,) = zxingcpp.read_barcodes(picture.convert("RGB"))
        assert found.ec_level == level


def test_a_code_of_64_characters_fits_at_every_level() -> None:
    """The longest there is, under a long name."""
    for level in qr.LEVELS:
        assert words_in(photo(Drawing(level=level).png(LONG))) == [LONG]


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
def test_a_drawing_is_read_from_a_query(query: dict[str, str], drawing: Drawing | None) -> None:
    """With or without #, in three digits or six, in any capitals; what is not said is black on white."""
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
        ({"colour": "112233"}, {"colour": "unknown-field"}),
        ({"Size": "320"}, {"Size": "unknown-field"}),
        ({"x" * 100: "1"}, {"x" * 64: "unknown-field"}),
        ({"": ""}, {"": "unknown-field"}),
        (
            {"size": "1", "margin": "x", "level": "Z", "dark": "red", "light": "snow", "format": "gif"},
            {
                "size": "invalid",
                "margin": "invalid",
                "level": "invalid",
                "dark": "invalid",
                "light": "invalid",
                "format": "unknown-field",
            },
        ),
        # Colours that cameras cannot tell apart, or see the wrong way round.
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
def test_what_cannot_be_drawn_is_refused(query: dict[str, str], errors: dict[str, str]) -> None:
    """Every parameter that is wrong, each with a code."""
    assert wrong(query) == errors


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
def test_contrast_is_reckoned_as_for_text(dark: str, light: str, ratio: float) -> None:
    """The ratios that WCAG's own examples and tools give."""
    assert qr.contrast(dark, light) == pytest.approx(ratio, rel=0.002)
