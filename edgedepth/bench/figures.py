"""The figures that the project promises, from what was measured, each beside its target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgedepth.bench import trust
from edgedepth.bench.children import Record
from edgedepth.bench.crosscheck import AGREEMENT
from edgedepth.evaltable import markdown_table

FASTER_THAN_PAPER = 5.0
SHARE_OF_PEAK = 0.15
WAIT_OF_WHOLE = 1.3
"""Times the whole over N, the wait after the last frame."""


@dataclass(frozen=True)
class Promise:
    """A figure: what it is of, its value and its target in words, and whether it is met."""

    what: str
    value: str
    target: str
    met: bool


def promises(bench: Record, trusted: Record | None = None) -> list[Promise]:
    """Everything that the results at hand can tell.

    Args:
        bench: a result of ``edgedepth bench``.
        trusted: a result of :mod:`edgedepth.bench.trust`.
    """
    found = [*_speed(bench), *_waits(bench), *_checks(bench)]
    return [*found, *(_trust(trusted) if trusted else ())]


def _cell(bench: Record, preset: str, mode: str) -> Record | None:
    """The int8 model of a preset on one thread of LiteRT."""
    names = {
        model["file"]
        for model in bench["models"]
        if (model["preset"], model["precision"]) == (preset, "int8")
    }
    for cell in bench["cells"]:
        where = cell["runtime"], cell["threads"], cell["xnnpack"], cell["mode"]
        if cell["model"] in names and where == ("litert", 1, True, mode):
            found: Record = cell
            return found
    return None


def _speed(bench: Record) -> Iterator[Promise]:
    mobile, paper = (_cell(bench, preset, "unrolled") for preset in ("mobile", "paper"))
    if mobile and paper:
        ratio = round_ratio(paper, mobile)
        yield Promise(
            f"int8 `mobile` against int8 `paper`, {mobile['frames']} frames, one thread",
            f"{ratio:.1f} times faster",
            f"at least {FASTER_THAN_PAPER:g} times",
            ratio >= FASTER_THAN_PAPER,
        )
    if mobile and mobile["share_of_peak"] is not None:
        yield Promise(
            "int8 `mobile`, share of the core's measured int8 peak",
            f"{100 * mobile['share_of_peak']:.1f} %",
            f"at least {100 * SHARE_OF_PEAK:.0f} %",
            mobile["share_of_peak"] >= SHARE_OF_PEAK,
        )


def round_ratio(slow: Record, fast: Record) -> float:
    """Median over the rounds of one cell's median over the other's in the same round."""
    pairs = zip(slow["samples_s"], fast["samples_s"], strict=True)
    return float(np.median([np.median(a) / np.median(b) for a, b in pairs]))


def _waits(bench: Record) -> Iterator[Promise]:
    cell = _cell(bench, "mobile", "streaming")
    if cell:
        wait = cell["after_last_frame_s"]["p50"] / cell["latency_s"]["p50"] * cell["frames"]
        yield Promise(
            f"int8 `mobile`, wait after the last of {cell['frames']} frames",
            f"{wait:.2f}/N of the whole ({1e3 * cell['after_last_frame_s']['p50']:.1f} ms)",
            f"at most {WAIT_OF_WHOLE:g}/N",
            wait <= WAIT_OF_WHOLE,
        )


def _checks(bench: Record) -> Iterator[Promise]:
    ratios = [cell["cross_check"]["ratio"] for cell in bench["cells"] if cell["cross_check"]]
    if ratios:
        worst = max(ratios, key=lambda ratio: abs(ratio - 1))
        yield Promise(
            f"our median over `litert-benchmark`'s, the farthest of {len(ratios)} combinations",
            f"{worst:.2f}",
            f"within {100 * AGREEMENT:.0f} %",
            abs(worst - 1) <= AGREEMENT,
        )


def _trust(trusted: Record) -> Iterator[Promise]:
    cost = trusted["overhead"]["over_bare"]
    yield Promise(
        "our timing loop against the bare loop of the same calls",
        f"{100 * (cost['median'] - 1):+.2f} % "
        f"({100 * (cost['low'] - 1):+.2f} to {100 * (cost['high'] - 1):+.2f} %)",
        f"under {100 * trust.OVERHEAD_LIMIT:.0f} %",
        cost["high"] - 1 < trust.OVERHEAD_LIMIT,
    )
    good, of = trust.agreed(trusted["trials"])
    yield Promise(
        "two measurements in a row agree within their stated intervals",
        f"{good} of {of} trials",
        f"{trust.AGREEING_SHARE * 10:.0f} of 10",
        good >= trust.AGREEING_SHARE * of,
    )


def markdown(found: list[Promise]) -> str:
    """The promises as a table for the documentation."""
    lines = [[p.what, p.value, p.target, "yes" if p.met else "**no**"] for p in found]
    return "\n".join(markdown_table(("figure", "measured", "target", "met"), lines))
