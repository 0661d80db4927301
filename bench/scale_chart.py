"""Draws what waits over time, before and after: one panel for each load, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.scale_model import Load

Curve = Sequence[tuple[float, float, float]]
"""(second, clicks in the queue, clicks in the stream)."""

_WIDTH, _HEIGHT = 300, 170  # of one panel, its labels left out
_LEFT, _TOP, _ACROSS, _DOWN = 92, 74, 430, 264  # of the first panel; from one to the next
_SECONDS = (20.0, 500_000.0)
_CLICKS = (1_000.0, 1_000_000_000.0)
_TIMES = {60: "1 min", 600: "10 min", 3_600: "1 h", 21_600: "6 h", 86_400: "1 day", 345_600: "4 days"}
_AMOUNTS = {
    10**3: "1,000",
    10**4: "10,000",
    10**5: "100,000",
    10**6: "1 million",
    10**7: "10 million",
    10**8: "100 million",
}
_LINES = (("before", "before: in the queue"), ("after", "after: in the queue"), ("stream", "after: in the stream"))


def draw(panels: Sequence[tuple[Load, Curve, Curve, float]]) -> str:
    """Return an SVG of loads with their curves before and after, and the clicks that expired before."""
    parts = ['<text class="title" x="0" y="18">Clicks that wait to be counted</text>']
    for number, (kind, words) in enumerate(_LINES):
        left = 300 + 180 * number
        parts.append(f'<path class="{kind}" d="M{left} 14h24"/><text x="{left + 30}" y="18">{words}</text>')
    for number, panel in enumerate(panels):
        left, top = _LEFT + _ACROSS * (number % 2), _TOP + _DOWN * (number // 2)
        parts += [f'<g transform="translate({left} {top})">', *_panel(*panel), "</g>"]
    height = _TOP + _DOWN * math.ceil(len(panels) / 2) - 20
    return _SVG.format(width=_LEFT + _ACROSS + _WIDTH + 20, height=height, parts="\n".join(parts))


def _panel(load: Load, before: Curve, after: Curve, lost: float) -> list[str]:
    end = _x(load.seconds)
    table = f"table for {load.units:,} writes a second"
    parts = [
        f'<text class="name" x="0" y="-22">{load.title}</text><text class="note" x="0" y="-7">{table}</text>',
        f'<rect class="hour" width="{end:.1f}" height="{_HEIGHT}"/>',
        '<text class="note" x="6" y="15">clicks arrive</text>',
    ]
    for clicks, label in _AMOUNTS.items():
        y = _y(clicks)
        parts.append(f'<path class="grid" d="M0 {y:.1f}h{_WIDTH}"/>')
        parts.append(f'<text class="note" x="-8" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for second, label in _TIMES.items():
        x = _x(second)
        parts.append(f'<path class="grid" d="M{x:.1f} 0v{_HEIGHT}"/>')
        parts.append(f'<text class="note" x="{x:.1f}" y="{_HEIGHT + 17}" text-anchor="middle">{label}</text>')
    parts += [
        _line("stream", [(second, stream) for second, _, stream in after]),
        _line("after", [(second, queue) for second, queue, _ in after]),
        _line("before", [(second, queue) for second, queue, _ in before]),
    ]
    if lost >= 1:
        words = f"{lost / 1e6:.0f} million expire"
        parts.append(f'<text class="lost" x="{_x(345_600) + 12:.1f}" y="14" text-anchor="end">{words}</text>')
    return parts


def _line(kind: str, points: Sequence[tuple[float, float]]) -> str:
    """Return a line through the points, from the first to the last that lie within the panel, down to its bottom."""
    inside = [place for place, (second, clicks) in enumerate(points) if second >= _SECONDS[0] and clicks > _CLICKS[0]]
    if not inside:
        return ""
    shown = points[inside[0] : inside[-1] + 2]
    return f'<path class="{kind}" d="M{" ".join(f"{_x(second):.1f} {_y(clicks):.1f}" for second, clicks in shown)}"/>'


def _x(second: float) -> float:
    return _place(second, *_SECONDS) * _WIDTH


def _y(clicks: float) -> float:
    return (1 - _place(clicks, *_CLICKS)) * _HEIGHT


def _place(value: float, least: float, most: float) -> float:
    return math.log(min(max(value, least), most) / least) / math.log(most / least)


_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {width} {height}" role="img" aria-labelledby="what">
<title id="what">Clicks that wait to be counted, over time, before and after</title>
<style>
text {{ font: 13px system-ui, sans-serif; fill: #24292f }}
.title {{ font-weight: 600; font-size: 15px }}
.name {{ font-weight: 600 }}
.note {{ font-size: 12px; fill: #57606a }}
.lost {{ fill: #bc4c00; font-weight: 600 }}
.hour {{ fill: #f6f8fa }}
path {{ fill: none; stroke-width: 2; stroke-linejoin: round }}
.grid {{ stroke: #d0d7de; stroke-width: 0.6 }}
.before {{ stroke: #bc4c00 }}
.after {{ stroke: #0969da }}
.stream {{ stroke: #0969da; stroke-width: 1.4; stroke-dasharray: 4 3 }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #e6edf3 }}
  .note {{ fill: #9198a1 }}
  .lost {{ fill: #f0883e }}
  .hour {{ fill: #151b23 }}
  .grid {{ stroke: #3d444d }}
  .before {{ stroke: #f0883e }}
  .after, .stream {{ stroke: #4493f8 }}
}}
</style>
{parts}
</svg>
"""
