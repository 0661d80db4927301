"""The mix of clicks that counting is measured with, written down so that nobody tunes it: people only.

Countries and referrers come by Zipf's law, the second half as often as the first; user agents, languages and hours
evenly, which gives a counter more names than a real site's visitors do. The first of the referrers is none at all.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.core.visits.click import Click

DAY = datetime(2026, 11, 27, tzinfo=UTC)
NOW = DAY + timedelta(days=1, hours=12)
"""When the clicks of ``DAY`` are counted: the stream may be behind, and then all hours of the day have clicks."""
CLICKS_BEFORE = 1_656
"""The clicks of a link on its day before those that are measured: as many as are 23 a minute over 20 links."""
OWNER = "ann"
COUNTRIES = 120
REFERRERS = 300
LANGUAGES = ("en", "de", "pt", "fr", "es", "it", "nl", "pl", "sv", "ja", "zh", "ru")
AGENTS = Path(__file__).parent.parent / "tests" / "agents" / "people.txt"
_MS_OF_DAY = 86_400_000

# Each referrer of words is drawn from these: as varied as the hosts that link to a site, and as hard to compress.
_WORDS = """
acorn active adventure agency alpine amber anchor angle apex apple archive arctic arrow artisan aspen atlas
aurora autumn avenue bakery balance bamboo banner basin beacon bicycle birch bishop blossom blue board bold
border bottle boulder brave breeze bridge bright bronze brook budget builder bureau butter button cabin cactus
camera candle canvas canyon capital career carpet castle cedar central chapel chart cherry chess circle citizen
city classic clever cliff clinic cloud clover coast cobalt coffee comet compass copper coral corner cotton
council country craft crane creative cricket crown crystal culture current custom daily dance dawn delta denim
desert design diary digital dolphin domain dragon dream drift eagle early east echo economy eclectic editor
elder electric ember emerald energy engine essay estate ethical event evergreen expert explorer fabric factory
falcon family farm feather festival field finance firefly first flame fleet flora forest forum fossil fountain
fox fresh frontier future gadget galaxy gallery garden gazette gentle giant ginger glacier glass global golden
granite graph gravel green guide guild gulf habit hammer harbor harvest haven hazel health heather herald
heritage hidden hill history hobby holiday home honey horizon hotel house humble hunter iceberg idea image
impact indigo inside island ivory jasmine jersey jewel journal journey jungle juniper kernel kettle kitchen
knight label ladder lagoon lantern laurel lavender leaf ledger legal lemon library light lilac linen lion local
lodge logic lotus lunar magnet maple marble marina market meadow media medical mellow mercury meridian metro
midnight mineral mint mirror modern monkey monument moon morning mosaic motion mountain museum music mystic
native nature needle nest network noble north notebook novel oak oasis object ocean office olive onyx opera
orbit orchard orchid origin otter outdoor owl oxford pacific paddle palace panda paper parade park pearl pebble
pencil people pepper phoenix photo piano pilot pine pioneer pixel planet plaza pocket poetry polar polite
popular portal postal prairie premium press prime
""".split()  # noqa: SIM905  # four hundred lines otherwise
_FRONTS = ("", "", "", "", "www.", "www.", "blog.", "news.", "m.", "forum.")
_ENDS = (
    ".com",
    ".com",
    ".com",
    ".com",
    ".com",
    ".org",
    ".net",
    ".de",
    ".co.uk",
    ".io",
    ".fr",
    ".com.br",
    ".info",
    ".pt",
)


class Mix:
    """Draws clicks; the same ``seed`` and ``referrers`` draw the same ones."""

    def __init__(self, seed: int, referrers: Sequence[str]) -> None:
        self._chance = random.Random(seed)
        self._agents = AGENTS.read_text("utf-8").splitlines()
        self._referrers = [None, *referrers]
        self._countries = _countries()
        self._weights = {size: _zipf(size) for size in (len(self._countries), len(self._referrers))}

    def clicks(self, codes: Sequence[str]) -> list[Click]:
        """Return a click for each of ``codes``, each with a place for its row."""
        return [self._click(code) for code in codes]

    def _click(self, code: str) -> Click:
        chance = self._chance
        at = DAY + timedelta(milliseconds=chance.randrange(_MS_OF_DAY))
        return Click(
            id=f"{chance.getrandbits(128):032x}",
            link_id=code,
            at=at,
            owner=OWNER,
            agent=chance.choice(self._agents),
            referrer=chance.choices(self._referrers, cum_weights=self._weights[len(self._referrers)])[0],
            country=chance.choices(self._countries, cum_weights=self._weights[len(self._countries)])[0],
            language=chance.choice(LANGUAGES),
            visitor=f"{chance.getrandbits(96):024x}",
            requested_as="navigation",
            slot=0,
            expires_at=int((at + timedelta(days=90)).timestamp()),
            took_ms=round(chance.uniform(0.5, 20), 2),
            from_cache=chance.choice((True, False)),
        )


def numbered_sites() -> list[str]:
    """Return hosts that are all alike: they compress well."""
    return [f"www.site-{number}.example" for number in range(REFERRERS)]


def sites_of_words() -> list[str]:
    """Return plausible hosts, which have little in common: the worst case."""
    chance = random.Random(REFERRERS)
    found: dict[str, None] = {}
    while len(found) < REFERRERS:
        found[_host(chance)] = None
    return list(found)


def _host(chance: random.Random) -> str:
    name = "".join(chance.sample(_WORDS, chance.choice((1, 2, 2))))
    return f"{chance.choice(_FRONTS)}{name}{chance.choice(_ENDS)}"


def _countries() -> list[str]:
    """Return pairs of letters, as ISO 3166 has them."""
    pairs = [f"{a}{b}" for a in "ABCDEFGHIKLMNPRSTUVZ" for b in "AEILMNORSTUZ"]
    return random.Random(COUNTRIES).sample(pairs, COUNTRIES)


def _zipf(size: int) -> list[float]:
    return list(itertools.accumulate(1 / place for place in range(1, size + 1)))
