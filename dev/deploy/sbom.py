"""The CycloneDX bill of materials of a package, and the check of its licences.

Written without CycloneDX's library, which gives each bill a new serial number and time: the same package should have
the same bill. A test validates it against CycloneDX's schema.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from dev import reference
from dev.paths import ROOT

_PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
_LICENSES: dict[str, Any] = _PROJECT["tool"]["licenses"]
UNKNOWN = "unknown"
_SWAGGER_UI = re.compile(r"chalicelib/web/reference/swagger-ui-bundle-([\d.]+)\.js")


def bill(code: Path, hashes: Mapping[str, str]) -> str:
    """Return the bill of the zip ``code``; ``hashes`` has the SHA-256 of the source file of each package, by name."""
    project = _PROJECT["project"]
    itself = {
        "type": "application",
        "name": project["name"],
        "version": project["version"],
        "hashes": [_hash(hashlib.sha256(code.read_bytes()).hexdigest())],
        "licenses": [{"expression": project["license"]}],
    }
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": itself},
        "components": [*(_component(each, hashes[name_of(each)]) for each in packages_in(code)), *_vendored(code)],
    }
    return json.dumps(document, indent=1) + "\n"


def packages_in(code: Path) -> list[Distribution]:
    """Return the packages of a zip or folder, by name."""
    return sorted(distributions(path=[str(code)]), key=name_of)


def name_of(package: Distribution) -> str:
    """Return the normalized name of a package."""
    return re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()


def refused_licenses(code: Path) -> Iterator[str]:
    """Yield a sentence for each package in a zip whose licence is not among those that pyproject.toml allows."""
    for package in packages_in(code):
        license_, name = license_of(package), name_of(package)
        named = re.split(r" AND | OR | WITH |[()]", license_)
        if not {each.strip() for each in named} - {""} <= set(_LICENSES["allowed"]):
            yield (
                f"{name} {package.version} names no licence: read it, and say so in pyproject.toml, tool.licenses.read."
                if license_ == UNKNOWN
                else f"{name} {package.version}: pyproject.toml, tool.licenses, does not allow the licence {license_}."
            )


def license_of(package: Distribution) -> str:
    """Return the licence of a package as an SPDX expression, or as the package calls it, or UNKNOWN."""
    read: str | None = _LICENSES["read"].get(f"{name_of(package)}=={package.version}")
    declared = _field(package, "License-Expression") or _field(package, "License") or UNKNOWN
    return read or str(_LICENSES["spellings"].get(declared, declared))


def _field(package: Distribution, name: str) -> str | None:
    # Indexing a field that is not there is deprecated from Python 3.12 on, and `get` is typed only from there on.
    return next(iter(package.metadata.get_all(name) or ()), None)


def _component(package: Distribution, sha256: str) -> dict[str, Any]:
    return _library("pypi", name_of(package), package.version, sha256, license_of(package))


def _vendored(code: Path) -> Iterator[dict[str, Any]]:
    """Yield Swagger UI, if a zip has it, with the hash of its script: no metadata of Python names it."""
    with zipfile.ZipFile(code) as zipped:
        for name in zipped.namelist():
            if found := _SWAGGER_UI.fullmatch(name):
                sha256 = hashlib.sha256(zipped.read(name)).hexdigest()
                yield _library("npm", reference.PACKAGE, found[1], sha256, reference.LICENSE)


def _library(kind: str, name: str, version: str, sha256: str, license_: str) -> dict[str, Any]:
    purl = f"pkg:{kind}/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "hashes": [_hash(sha256)],
        "licenses": [{"expression": license_}],
        "purl": purl,
    }


def _hash(sha256: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": sha256}
