"""The sums in docs/operate.md, "What it costs": their parts, and the constants that the benchmarks take from them."""

from __future__ import annotations

import re

import pytest

from bench import costs
from tests.paths import ROOT

SECTION = (ROOT / "docs" / "operate.md").read_text("utf-8").partition("\n## What it costs\n")[2]
BEFORE, _, BY_FRONT = SECTION.partition("\n### By front\n")
FIRST_HOUR = (ROOT / "docs" / "first-hour.md").read_text("utf-8")
ALARMS_BEHIND = re.findall(
    "Type: AWS::CloudWatch::Alarm$", (ROOT / ".chalice" / "cloudfront.yaml").read_text(), re.MULTILINE
)
NAMES = {"each click alone": "alone", "among hundreds": "among hundreds"}


def sums_of(text: str) -> list[tuple[str, list[float], float]]:
    """Return what each line that is a sum is of, its parts and its total."""
    found = re.findall(r"^    (\D+?) +((?:[\d.]+ +\+ +)+[\d.]+) += +([\d.]+)$", text, re.MULTILINE)
    return [(name, [float(part) for part in parts.split("+")], float(total)) for name, parts, total in found]


ALL = [*sums_of(BEFORE), *sums_of(BY_FRONT)]
SUMS = {name: (parts, total) for name, parts, total in ALL}


@pytest.mark.parametrize(("name", "parts", "total"), ALL)
def test_parts_add_up(name: str, parts: list[float], total: float) -> None:
    """To the cent."""
    assert name
    assert len(parts) > 6
    assert sum(parts) == pytest.approx(total, abs=0.001)


@pytest.mark.parametrize("clicks", NAMES)
def test_fronts_differ_in_the_front_alone(clicks: str) -> None:
    """What is behind it costs the same; the gateway's total is the one above, and the benchmarks know all of them."""
    gateway, whole = SUMS[f"gateway, {NAMES[clicks]}"]
    cloudfront, less = SUMS[f"cloudfront, {NAMES[clicks]}"]

    assert cloudfront[2:] == gateway[2:]
    assert (gateway[0], gateway[1]) == (costs.GATEWAY, 0)
    assert (cloudfront[0], cloudfront[1]) == (costs.CLOUDFRONT, costs.EDGE_FUNCTION)
    assert (whole, less) == (costs.FROM_TABLE[clicks], costs.BEHIND_CLOUDFRONT[clicks])


@pytest.mark.parametrize(("clicks", "name"), [("each click alone", "alone"), ("among hundreds", "among hundreds")])
def test_text_has_what_is_free(clicks: str, name: str) -> None:
    """Within the allowances neither front, nor edge function, nor data is paid."""
    parts, total = SUMS[f"cloudfront, {name}"]

    assert f"{total - parts[0] - parts[1] - parts[-1]:.2f}" in BY_FRONT.partition("up to two million")[2][:200], clicks


def test_bill_of_a_month_follows() -> None:
    """A million and a thousand million redirects a month, from the bill with API Gateway and what the front changes."""
    alarms = costs.ALARM * len(ALARMS_BEHIND)
    million, thousand_million = (
        9.00 - costs.GATEWAY + alarms,
        5250 - 3033 - 72 + 990 * costs.CLOUDFRONT + 998 * costs.EDGE_FUNCTION + alarms,
    )

    text = " ".join(BY_FRONT.split())
    assert f"are {million:.2f} in all instead of 9.00" in text
    assert f"{thousand_million:,.0f} instead of 5,250" in text
    assert f"cost {5 + 2 * 1 + 0.60:.2f} more" in text


def test_alarms_of_the_front_are_billed() -> None:
    """Those of its template: also while nobody asks, and on the page of the first hour."""
    dollars, idle = costs.ALARM * len(ALARMS_BEHIND), 2.48
    text = " ".join(BY_FRONT.split())

    assert f"| 0 | {idle}: 30 alarms, one of which looks at two metrics" in BEFORE
    assert f"34 instead of 31: {dollars:.2f} a month" in text
    assert len(ALARMS_BEHIND) == 34 - 31
    assert f"an idle stage is {idle + dollars:.2f} instead of {idle}" in text
    assert f"34 alarms instead of 31 now, which is {dollars:.2f} dollars a month more" in " ".join(FIRST_HOUR.split())


def test_creation_pays_both_fronts() -> None:
    """Behind CloudFront API Gateway is still called; data goes out at CloudFront's price."""
    parts, total = SUMS["a million creations"]
    behind = total + costs.CLOUDFRONT + costs.EDGE_FUNCTION - parts[-1] + round(1.2 * 0.085, 2)

    assert f"are {behind:.2f} instead of {total:.2f}" in BY_FRONT
