"""QR codes of short links. Imported only where needed: importing ``segno`` takes longer than a redirect."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

import segno

from chalicelib.errors import FieldError, QueryInvalid

PNG = "image/png"
SIZES = (64, 2048)  # pixels
MARGINS = (0, 16)  # modules
LEVELS = ("L", "M", "Q", "H")
LEAST_CONTRAST = 4.0
"""Contrast ratio of the light to the dark colour by WCAG 2.2, 1 to 21. Below it, phones fail in poor light."""

COLOUR = re.compile(r"#?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a code is drawn: size in pixels, margin in modules, level of error correction, colours as ``#rrggbb``."""

    size: int = 320
    margin: int = 4  # ISO/IEC 18004 asks for four
    level: str = "M"
    dark: str = "#000000"
    light: str = "#ffffff"

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Drawing:
        """Read the parameters of a query. Unknown ones are ignored: other services add some (``fbclid``).

        Raises:
            QueryInvalid: with every invalid parameter.
        """
        errors: list[FieldError] = []
        default = cls()
        drawing = cls(
            size=_number(query, "size", default.size, SIZES, errors),
            margin=_number(query, "margin", default.margin, MARGINS, errors),
            level=_level(query, default.level, errors),
            dark=_colour(query, "dark", default.dark, errors),
            light=_colour(query, "light", default.light, errors),
        )
        are_colours = not {"dark", "light"} & {error.field for error in errors}
        if are_colours and contrast(drawing.dark, drawing.light) < LEAST_CONTRAST:
            message = "dark must be much darker than light, or cameras cannot tell them apart."
            errors.append(FieldError("dark", "contrast-too-low", message))
        if errors:
            raise QueryInvalid(errors)
        return drawing

    def svg(self, text: str) -> str:
        """Return the code of ``text`` as SVG, of exactly the requested size."""
        code, out = self._code(text), io.BytesIO()
        code.save(out, kind="svg", border=self.margin, dark=self.dark, light=self.light, xmldecl=False, omitsize=True)
        image = out.getvalue().decode()
        return image.replace("<svg ", f'<svg width="{self.size}" height="{self.size}" ', 1)

    def png(self, text: str) -> bytes:
        """Return the code of ``text`` as PNG, as large as possible with whole pixels (at least one) a module."""
        code, out = self._code(text), io.BytesIO()
        scale = max(1, self.size // code.symbol_size(border=self.margin)[0])
        code.save(out, kind="png", scale=scale, border=self.margin, dark=self.dark, light=self.light)
        return out.getvalue()

    def _code(self, text: str) -> segno.QRCode:
        return segno.make_qr(text, error=self.level, boost_error=False)


PARAMETERS = tuple(each.name for each in fields(Drawing))
"""The parameters of a query that say how a code is drawn."""


def contrast(dark: str, light: str) -> float:
    """Return the contrast ratio of ``light`` to ``dark``, both ``#rrggbb``; below 1 if ``light`` is the darker one."""
    return (_luminance(light) + 0.05) / (_luminance(dark) + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  # sRGB's


def _number(
    query: Mapping[str, str], name: str, default: int, between: tuple[int, int], errors: list[FieldError]
) -> int:
    text = query.get(name)
    if text is None:
        return default
    least, most = between
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not least <= int(text) <= most:
        errors.append(FieldError(name, "invalid", f"{name} is a whole number from {least} to {most}."))
        return default
    return int(text)


def _level(query: Mapping[str, str], default: str, errors: list[FieldError]) -> str:
    level = query.get("level", default).upper()
    if level not in LEVELS:
        errors.append(FieldError("level", "invalid", f"level is one of {', '.join(LEVELS)}."))
    return level


def _colour(query: Mapping[str, str], name: str, default: str, errors: list[FieldError]) -> str:
    match = COLOUR.fullmatch(query.get(name, default))
    if not match:
        errors.append(FieldError(name, "invalid", f"{name} is a colour such as 1a1d29."))
        return default
    digits = match[1] if len(match[1]) == len("rrggbb") else "".join(digit * 2 for digit in match[1])
    return f"#{digits.lower()}"
