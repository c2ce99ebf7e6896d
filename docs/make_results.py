"""Put the tables of docs/results/*.json between their markers in README.md and docs/*.md.

python docs/make_results.py

A page takes part by holding the two lines that :func:`markers` gives, e.g.

    <!-- results bench -->
    <!-- end results bench -->

What stands between them is in ``BLOCKS``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgedepth import evaltable
from edgedepth.bench import figures, record, table
from edgedepth.convert import parity

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
SHIPPED = "edgedepth-mobile"
"""Its training is told by the model card and docs/training.md."""

NOTHING = "No results are committed yet."

Block = Callable[[Path], str]


def pages(root: Path = ROOT) -> list[Path]:
    """Pages that hold markers."""
    found = [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    return [path for path in sorted(found) if _MARKED.search(path.read_text(encoding="utf-8"))]


_MARKED = re.compile(r"^<!-- results (\w+) -->\n(.*?)^<!-- end results \1 -->$", re.DOTALL | re.M)


def markers(name: str) -> tuple[str, str]:
    """The lines between which the block ``name`` stands."""
    return f"<!-- results {name} -->", f"<!-- end results {name} -->"


def _bench(results: Path) -> dict[str, Any]:
    return record.read_record(results / "bench.json")


def _promises(results: Path) -> str:
    trusted = results / "trust.json"
    known = json.loads(trusted.read_text(encoding="utf-8")) if trusted.exists() else None
    return figures.markdown(figures.promises(_bench(results), known))


def _parity(results: Path) -> str:
    return parity.markdown(json.loads((results / "parity.json").read_text(encoding="utf-8")))


def _eval(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / "eval.json").read_text(encoding="utf-8"))
    return found


def _tables(results: Path) -> str:
    found = _eval(results)
    tables = evaltable.markdown([r for r in found["reports"] if not r["curves"]])
    runs = [run for run in found.get("runs", ()) if run["name"] != SHIPPED]
    return f"{tables}\n\n{evaltable.markdown_runs(runs)}" if runs else tables


def _training(results: Path) -> str:
    found = json.loads((results / "training.json").read_text(encoding="utf-8"))
    return evaltable.markdown_training(found)


def _comparison(results: Path) -> str:
    found = json.loads((results / "comparison.json").read_text(encoding="utf-8"))
    return evaltable.markdown_comparison(found)


BLOCKS: dict[str, tuple[str, Block]] = {
    "bench": ("bench.json", lambda results: table.markdown(_bench(results))),
    "summary": ("bench.json", lambda results: table.summary(_bench(results))),
    "promises": ("bench.json", _promises),
    "parity": ("parity.json", _parity),
    "eval": ("eval.json", _tables),
    "curves": ("eval.json", lambda results: evaltable.markdown_curves(_eval(results)["reports"])),
    "comparison": ("comparison.json", _comparison),
    "training": ("training.json", _training),
    "profile": ("bench.json", lambda results: table.markdown_profile(_bench(results))),
}
"""Name of a block -> the result without which it is empty, and its text."""


def filled(page: str, results: Path = RESULTS) -> str:
    """A page with its tables as the results say.

    Raises:
        KeyError: a page names a block that there is not.
    """

    def block(match: re.Match[str]) -> str:
        needs, text = BLOCKS[match[1]]
        first, last = markers(match[1])
        written = text(results) if (results / needs).exists() else NOTHING
        return f"{first}\n{written}\n{last}"

    return _MARKED.sub(block, page)


def main() -> None:
    for page in pages():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
