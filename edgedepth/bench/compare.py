"""Two results side by side: what differs by more than the noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedepth.bench import stats, table
from edgedepth.bench.children import Record
from edgedepth.errors import UserError

Key = tuple[str, str, bool, int, str, int, str]
PEAK_LIMIT = 0.05
"""The yardstick's change from which the machine itself is said to differ."""


@dataclass(frozen=True)
class Pair:
    """One combination in both results."""

    label: str
    before_s: float
    after_s: float
    difference: stats.Difference


def key_of(cell: Record) -> Key:
    """What makes two cells the same measurement; versions may differ, they are what one tests."""
    return (
        cell["model"],
        cell["runtime"],
        cell["xnnpack"],
        cell["threads"],
        cell["mode"],
        cell["frames"],
        cell["delegate"],
    )


def pairs(a: Record, b: Record) -> list[Pair]:
    """Combinations that both hold; two single ones are compared whatever they are.

    Raises:
        UserError: nothing in common.
    """
    before = {key_of(cell): cell for cell in a["cells"]}
    after = {key_of(cell): cell for cell in b["cells"]}
    common = [(before[key], after[key]) for key in before if key in after]
    if not common and len(before) == len(after) == 1:
        common = list(zip(a["cells"], b["cells"], strict=True))
    if not common:
        raise UserError(
            "the two results have no combination of model, runtime and threads in common",
            "measure the same models with the same options",
        )
    return [_pair(one, other) for one, other in common]


def _pair(a: Record, b: Record) -> Pair:
    label = _label(a) if key_of(a) == key_of(b) else f"{_label(a)} -> {_label(b)}"
    found = stats.difference(a["samples_s"], b["samples_s"])
    return Pair(label, a["latency_s"]["p50"], b["latency_s"]["p50"], found)


def _label(cell: Record) -> str:
    kernels = "" if cell["xnnpack"] else " no XNNPACK"
    what = f"{cell['model']} {cell['runtime']}{kernels} {table.place(cell)}"
    return f"{what} {cell['mode']} N={cell['frames']}"


def doubts(a: Record, b: Record) -> list[str]:
    """What else differs between the two, besides what was measured."""
    found = []
    ours, theirs = a["environment"]["machine"], b["environment"]["machine"]
    if (ours["cpu"], ours["cores"]) != (theirs["cpu"], theirs["cores"]):
        found.append(f"different machines: {ours['cpu']} and {theirs['cpu']}")
    names = sorted(ours["versions"].keys() | theirs["versions"].keys())
    for name in names:
        one, other = ours["versions"].get(name), theirs["versions"].get(name)
        if one != other:
            found.append(f"{name} {one or 'absent'} and {other or 'absent'}")
    digests = {model["file"]: model["sha256"] for model in a["models"]}
    changed = [m["file"] for m in b["models"] if digests.get(m["file"], m["sha256"]) != m["sha256"]]
    found += [f"{name} is another file in B" for name in changed]
    if a["input"] != b["input"]:
        found.append(f"different input: {a['input']} and {b['input']}")
    found += _peak_doubts(a, b)
    for name, record in (("A", a), ("B", b)):
        found += [f"{name}: {text}" for text in record["warnings"]]
    return found


def _peak_doubts(a: Record, b: Record) -> list[str]:
    """The yardstick ran at another speed: then the machine differs, not the model."""
    before = {(p["arithmetic"], p["threads"]): p["gmac_per_s"] for p in a["peaks"]}
    found = []
    for peak in b["peaks"]:
        known = before.get((peak["arithmetic"], peak["threads"]))
        if known and abs(peak["gmac_per_s"] / known - 1) > PEAK_LIMIT:
            found.append(
                f"the machine's own {peak['arithmetic']} peak on {peak['threads']} threads went "
                f"from {known:.0f} to {peak['gmac_per_s']:.0f} GMAC/s"
            )
    return found


def report(a: Record, b: Record, names: tuple[Path, Path]) -> str:
    """The comparison for the terminal."""
    lines = [
        [
            pair.label,
            f"{1e3 * pair.before_s:.2f}",
            f"{1e3 * pair.after_s:.2f}",
            f"{100 * pair.difference.change:+.1f} %",
            f"{100 * pair.difference.low:+.1f} to {100 * pair.difference.high:+.1f} %",
            pair.difference.verdict,
        ]
        for pair in pairs(a, b)
    ]
    head = ["combination", "A ms", "B ms", "change", "95 % interval", "B is"]
    text = [f"A {names[0]}", f"B {names[1]}", "", table.aligned(head, lines, left=(0, 5))]
    differing = doubts(a, b)
    return "\n".join([*text, *([""] if differing else []), *(f"note     {d}" for d in differing)])
