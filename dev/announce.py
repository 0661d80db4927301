"""Introduces ``make check``, ``test`` and ``test-long``: what is tested, how long it takes, and what is missing."""

from __future__ import annotations

import os
import shutil
import sys

from dev.paths import ROOT

_SENTENCES = {
    "check": "Lint, types, import contracts, all tests of core, one test of each route: 15 seconds on two cores.",
    "test": "Lint, types, import contracts, then every kind of test there is: twelve minutes on two cores.",
    "test-long": "Tests with more seeds, visits, examples and deployments: with SHARE=9 a quarter of an hour.",
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Print it; missing programs are no error, unless REQUIRE_ALL is set."""
    command = sys.argv[1]
    print(_SENTENCES[command], flush=True)
    if command == "check":
        return
    print("Servers listen on 127.0.0.1 only, at their own ports; running programs are left alone.")
    print("The package index is asked once, for the packages of a deployment.")
    if command == "test":
        print("Longer runs of the same tests are left out: `make test-long` has them.")
    for there, name, means in (
        (any(map(shutil.which, _BROWSERS)), "chromium", "to test the page in"),
        (
            shutil.which("npm") is not None,
            "npm",
            "downloads axe-core, once, to check the accessibility of the page",
        ),
        ((ROOT.parent / "shared" / "vectors").is_dir(), "../shared/vectors", "real URLs"),
    ):
        print(f"  {'found  ' if there else 'MISSING'} {name}: {means}{'' if there else _WITHOUT}")
    sys.stdout.flush()


_WITHOUT = (
    "; without it those tests fail (REQUIRE_ALL)"
    if os.environ.get("REQUIRE_ALL")
    else "; without it those tests are skipped, and listed at the end"
)

if __name__ == "__main__":
    main()
