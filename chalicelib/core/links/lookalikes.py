"""Warnings about hosts that look like others: names with non-ASCII letters, shown in Unicode and in Punycode."""

from __future__ import annotations

import unicodedata

_ACE = "xn--"


def warning_about(host: str) -> str | None:
    """Return a warning to visitors about ``host`` (as in canonical URLs), or None if it is plain ASCII."""
    labels = {label: _unicode(label) for label in host.split(".")}
    if not any(label.startswith(_ACE) for label in labels):
        return None
    shown = ".".join(labels.values())
    mixed = sorted({name for label in labels.values() if len(_alphabets(label)) > 1 for name in _alphabets(label)})
    warning = f" It mixes letters of several alphabets ({', '.join(mixed)})." if mixed else ""
    if shown == host:
        return f"{host} has letters beyond the English ones, and is not written as it should be."
    return f"{host} is shown by browsers as {shown}, whose letters may look like those of another name.{warning}"


def _unicode(label: str) -> str:
    """Return a label in Unicode, or unchanged if it is not Punycode or has unprintable characters."""
    if not label.startswith(_ACE):
        return label
    try:
        shown = label.removeprefix(_ACE).encode().decode("punycode")
    except UnicodeError:
        return label
    return shown if shown.isprintable() and shown else label


def _alphabets(label: str) -> set[str]:
    names = {unicodedata.name(letter, "?").partition(" ")[0].title() for letter in label if letter.isalpha()}
    return names - {"Hiragana", "Katakana"} if "Cjk" in names else names  # Japanese is written in all three
