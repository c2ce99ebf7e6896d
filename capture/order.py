"""The order of file names: frame2 before frame10, 0.35m before 0.5m."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

UNIT = r"(?:mm|cm|m|dpt|d)"
_DECIMAL = re.compile(rf"(?<![\d.])(\d+)\.(\d+)(?!\d|\.\d)(?=(\s?_?{UNIT}(?![a-z0-9]))?)", re.I)
"""Whole, fraction and, where there is one, the unit behind a number with one point in it."""

_TOKEN = re.compile(rf"{_DECIMAL.pattern}|(\d+)", re.I)


class Token(NamedTuple):
    """A piece of a name as it is compared: numbers before words, numbers by value."""

    is_word: bool
    whole: int
    fraction: str
    word: str


Key = tuple[list[Token], str]


def natural_order(names: Iterable[str]) -> list[str]:
    """File names in the order in which people count; extensions decide last.

    ``1.5`` is a decimal number, unless the names use the point to count parts: 1.9 beside 1.10, or
    a 1.10 that as a number would be written 1.1. A number with a unit (mm, cm, m, D) is always one;
    one with two points, a version or a date, never.
    """
    listed = list(names)
    decimals = not _count_parts(listed)
    return sorted(listed, key=lambda name: _key(name, decimals))


def _count_parts(names: Iterable[str]) -> bool:
    """Whether what stands behind points counts on, rather than being a fraction."""
    parts: dict[tuple[str, str], set[str]] = {}
    for name in names:
        stem = Path(name).stem.lower()
        for match in _DECIMAL.finditer(stem):
            whole, fraction, unit = match.groups()
            if not unit:
                parts.setdefault((stem[: match.start()], whole), set()).add(fraction)
    return any(_counts(found) for found in parts.values())


def _counts(fractions: set[str]) -> bool:
    if len({len(fraction) for fraction in fractions}) < 2:  # both readings give one order
        return False
    if any(fraction.startswith("0") and len(fraction) > 1 for fraction in fractions):
        return False
    values = {int(fraction) for fraction in fractions}
    longest = max(len(fraction) for fraction in fractions)
    boundaries = [10**digits for digits in range(1, longest)]
    counts_on = any({boundary - 1, boundary} <= values for boundary in boundaries)
    padded = any(len(fraction) > 1 and fraction.endswith("0") for fraction in fractions)
    return counts_on or padded


def _key(name: str, decimals: bool) -> Key:
    tokens, at, stem = [], 0, Path(name).stem.lower()
    for match in _TOKEN.finditer(stem):
        whole, fraction, unit, plain = match.groups()
        if at < match.start():
            tokens.append(Token(True, 0, "", stem[at : match.start()]))
        at = match.end()
        if plain is not None:
            tokens.append(Token(False, int(plain), "", plain))
        elif decimals or unit:
            tokens.append(Token(False, int(whole), fraction.rstrip("0"), match.group()))
        else:
            tokens += [
                Token(False, int(whole), "", whole),
                Token(True, 0, "", "."),
                Token(False, int(fraction), "", fraction),
            ]
    if at < len(stem):
        tokens.append(Token(True, 0, "", stem[at:]))
    return tokens, name
