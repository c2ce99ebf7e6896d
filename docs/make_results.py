"""Put the tables of docs/results/*.json between their markers in README.md and docs/*.md.

python docs/make_results.py

A page takes part by holding the two lines that :func:`markers` gives, e.g. for bench.json:

    <!-- results bench -->
    <!-- end results bench -->
"""

from __future__ import annotations

import re
from pathlib import Path

from edgedepth.bench import record, table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
NOTHING = "No results are committed yet."


def pages(root: Path = ROOT) -> list[Path]:
    """Pages that hold markers."""
    found = [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    return [path for path in sorted(found) if _MARKED.search(path.read_text(encoding="utf-8"))]


_MARKED = re.compile(r"^<!-- results (\w+) -->\n(.*?)^<!-- end results \1 -->$", re.DOTALL | re.M)


def markers(name: str) -> tuple[str, str]:
    """The lines between which the table of ``name``.json stands."""
    return f"<!-- results {name} -->", f"<!-- end results {name} -->"


def filled(page: str, results: Path = RESULTS) -> str:
    """A page with its tables as the results say."""

    def block(match: re.Match[str]) -> str:
        name = match[1]
        path = results / f"{name}.json"
        text = table.markdown(record.read_record(path)) if path.exists() else NOTHING
        first, last = markers(name)
        return f"{first}\n{text}\n{last}"

    return _MARKED.sub(block, page)


if __name__ == "__main__":
    for page in pages():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(page.relative_to(ROOT))
