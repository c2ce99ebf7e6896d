"""Committed results keep the schema, and the pages show them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from edgedepth.bench import table
from tests.bench.test_bench_command import SCHEMA, Measured
from tests.conftest import ROOT
from tests.scripts import load_script

RESULTS = sorted((ROOT / "docs" / "results").glob("bench*.json"))


make_results = load_script(ROOT / "docs" / "make_results.py")


def test_committed_results_keep_the_schema() -> None:
    for path in RESULTS:
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    for name in ("trust", "eval"):
        path = ROOT / "docs" / "results" / f"{name}.json"
        schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text())
        if path.exists():
            jsonschema.validate(json.loads(path.read_text()), schema)


def test_there_are_pages_to_fill() -> None:
    assert "bench.md" in {path.name for path in make_results.pages()}


@pytest.mark.parametrize("page", make_results.pages(), ids=lambda p: p.name)
def test_pages_show_what_the_results_say(page: Path) -> None:
    text = page.read_text()
    assert text == make_results.filled(text), f"{page.name}: run python docs/make_results.py"


@pytest.mark.slow
def test_a_page_is_filled_and_filled_again(measured: Measured, tmp_path: Path) -> None:
    record, _, folder = measured
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "bench.json").write_text((folder / "result.json").read_text())
    first, last = make_results.markers("bench")
    page = f"before\n\n{first}\nold\n{last}\n\nafter\n"
    once = make_results.filled(page, tmp_path / "results")
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    assert "| tiny | litert" in once
    assert once.count("\n| ") == 1 + len(record["cells"])
    assert make_results.filled(once, tmp_path / "results") == once
    assert make_results.NOTHING in make_results.filled(page, tmp_path)


def test_a_block_that_there_is_not(tmp_path: Path) -> None:
    first, last = make_results.markers("nonsense")
    with pytest.raises(KeyError):
        make_results.filled(f"{first}\n{last}\n", tmp_path)


def test_every_block_stands_on_a_page() -> None:
    text = "".join(page.read_text() for page in make_results.pages())
    for name in make_results.BLOCKS:
        assert text.count(make_results.markers(name)[0]) == 1, name


@pytest.mark.slow
def test_the_short_table_and_the_promises(measured: Measured, tmp_path: Path) -> None:
    record, _, folder = measured
    (tmp_path / "bench.json").write_text((folder / "result.json").read_text())
    written = {name: text(tmp_path) for name, (_, text) in make_results.BLOCKS.items()
               if make_results.BLOCKS[name][0] == "bench.json"}  # fmt: skip
    wait = record["cells"][1]["after_last_frame_s"]["p50"]
    assert f"| {table._ms(wait)} |" in written["summary"]
    whole = next(job for job in record["jobs"] if job["runtime"] == "litert")["total_s"]
    assert f"| {whole:.1f} |" in written["summary"]
    assert "wait after the last of 5 frames" in written["promises"]
    assert "The machine was not idle" in written["summary"]


@pytest.mark.slow
def test_doubts_stand_beside_the_table(measured: Measured) -> None:
    text = table.markdown(measured[0])
    for warning in measured[0]["warnings"]:
        assert warning in text
