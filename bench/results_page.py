"""Writes results: a table for the terminal and for bench/results, the numbers as JSON, two charts as SVG."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import Figures, Verdict

if TYPE_CHECKING:
    from bench.contestants import Contestant

RESULTS = Path(__file__).parent / "results"
_COLUMNS = (  # heading, field, digits after the point
    ("init, ms", "init_ms", 0),
    ("CPU of it, ms", "init_cpu_ms", 0),
    ("first response, ms", "first_ms", 1),
    ("start to first response, ms", "cold_ms", 0),
    ("warm p50, us", "warm_p50", 0),
    ("warm p99, us", "warm_p99", 0),
    ("CPU a call, us", "warm_cpu", 0),
    ("peak memory, MB", "peak_mb", 1),
)
_WIDTH, _LABELS, _BAR, _GAP = 860, 330, 16, 10


def write(
    contestants: Sequence[Contestant], figures: Mapping[str, Figures], verdicts: Sequence[Verdict], calls: int
) -> None:
    """Print and store the results; ``calls`` are the warm calls after each start."""
    lines = _page(contestants, figures, verdicts, calls)
    print("\n".join(lines))
    keep("", lines)
    document: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "functions": {
            each.name: {"title": each.title, "zip_bytes": each.zip_bytes, **asdict(figures[each.name])}
            for each in contestants
        },
        "agreed": [asdict(verdict) for verdict in verdicts],
    }
    rounded = json.loads(json.dumps(document), parse_float=lambda text: round(float(text), 3))
    text = re.sub(r"\s+(?=[\d\]])", " ", json.dumps(rounded, indent=1))  # a list of numbers is one line
    (RESULTS / f"{_name()}.json").write_text(text + "\n")
    (RESULTS / f"{_name()}.svg").write_text(_chart(contestants, figures))


def keep(what: str, lines: Sequence[str]) -> None:
    """Write a page, named by today's date and this machine."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{'-'.join(filter(None, (_name(), what)))}.md").write_text("\n".join(lines))


def _name() -> str:
    return f"{datetime.now(UTC).date()}-{platform.machine()}-{os.cpu_count()}-cores"


def _page(
    contestants: Sequence[Contestant], figures: Mapping[str, Figures], verdicts: Sequence[Verdict], calls: int
) -> list[str]:
    name = _name()
    starts, runs = (len(getattr(next(iter(figures.values())), column)) for column in ("init_ms", "warm_p50"))
    lines = [
        f"# A redirect as a Lambda function, {name[:10]}",
        "",
        f"{', '.join(machine().values())}.",
        f"{starts} starts of each in turns, {calls} warm calls after {runs} of them, one after the other, no pause;",
        "median (least to most). Read the ratios. A call is what the caller waits, less the network; DynamoDB",
        "and SQS are on loopback, over TLS: every function verifies the certificate, with the authorities that it",
        "reads on AWS. Every function is frozen after each response, as on Lambda.",
        "",
        f"| function | {' | '.join(heading for heading, _, _ in _COLUMNS)} | zip, KB |",
        f"|---|{'---:|' * (len(_COLUMNS) + 1)}",
    ]
    for each in contestants:
        cells = [_spread(getattr(figures[each.name], column), digits) for _, column, digits in _COLUMNS]
        lines.append(f"| {each.title} (`{each.name}`) | {' | '.join(cells)} | {each.zip_bytes / 1000:,.0f} |")
    lines += ["", f"![init and warm calls, as bars]({name}.svg)", "", *(f"- {verdict}" for verdict in verdicts), ""]
    return lines


def _spread(values: Sequence[float], digits: int) -> str:
    middle, least, most = (f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def machine() -> dict[str, str]:
    """Return the machine and the versions that the figures depend on."""
    from importlib.metadata import version

    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": f"{os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in ("boto3", "awslambdaric", "chalice")),
    }


def _chart(contestants: Sequence[Contestant], figures: Mapping[str, Figures]) -> str:
    bars: list[str] = []
    top = 30
    for title, column in (("Init, milliseconds", "init_ms"), ("Warm call, microseconds (p50)", "warm_p50")):
        middles = {each.name: statistics.median(getattr(figures[each.name], column)) for each in contestants}
        longest = max(middles.values())
        bars.append(f'<text class="title" x="0" y="{top}">{title}</text>')
        top += 14
        for each in contestants:
            length = middles[each.name] / longest * (_WIDTH - _LABELS - 70)
            kind = "ours" if each.is_ours else "other"
            middle = top + _BAR - 4
            bars += [
                f'<text x="{_LABELS - 10}" y="{middle}" text-anchor="end">{each.title}</text>',
                f'<rect class="{kind}" x="{_LABELS}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
                f'<text x="{_LABELS + length + 6:.1f}" y="{middle}">{middles[each.name]:,.0f}</text>',
            ]
            top += _BAR + _GAP
        top += 30
    cpu, cores, _, python, _ = machine().values()
    about = f"{cpu}, {cores}, {python}: medians. Shorter is better."
    bars.append(f'<text x="0" y="{top}">{about}</text>')
    return _SVG.format(width=_WIDTH, height=top + 14, bars="\n".join(bars))


_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {width} {height}" role="img" aria-label="Init and warm calls">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #24292f }}
.title {{ font-weight: 600; font-size: 15px }}
.ours {{ fill: #0969da }}
.other {{ fill: #8c959f }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #e6edf3 }}
  .ours {{ fill: #4493f8 }}
  .other {{ fill: #6e7681 }}
}}
</style>
{bars}
</svg>
"""
