from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edgedepth import cards
from edgedepth.cli import cli
from edgedepth.commands.models import in_short
from edgedepth.convert import flatbuffer, metadata
from edgedepth.errors import UserError
from edgedepth.spec import ModelSpec

CARD_SCHEMA = json.loads(
    (Path(__file__).parent.parent / "docs" / "schemas" / "card.schema.json").read_text()
)
SPEC = ModelSpec(
    "mobile", 240, 320, 4, "sweep", "sweep", precision="int8", frames=5, streaming=True
)
ROW = {"rmse": 0.2, "absrel": 0.1, "delta1": 0.9, "mae_dioptres": 0.05}


def write_model(path: Path, spec: ModelSpec | None = SPEC) -> None:
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    model.subgraphs = [schema.SubGraphT()]
    if spec:
        metadata.attach_spec(model, spec)
    path.write_bytes(flatbuffer.pack(model))


def card_record(folder: Path, *names: str) -> dict[str, Any]:
    files = [
        asdict(cards.CardFile(n, "int8", (folder / n).stat().st_size, cards.sha256(folder / n)))
        for n in names
    ]
    figure = {"protocol": "phone", "data": "dev-rgbd", "n": 6, "precision": "int8", **ROW}
    return {
        "schema": cards.SCHEMA,
        "name": "first",
        "files": files,
        "trained_on": "procedural scenes",
        "licence": "Apache-2.0",
        "command": "edgedepth train --seed 1",
        "seed": 1,
        "hours": 1.5,
        "figures": [{**figure, "baselines": {"mean depth": ROW, "classical": ROW}}],
        "limits": ["indoors only"],
        "date": "2026-11-23",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "a_int8.tflite")
    record = card_record(tmp_path, "a_int8.tflite")
    (tmp_path / "first.json").write_text(json.dumps(record))
    return tmp_path


def test_the_list_names_files_figures_and_limits(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["models", "--folder", str(folder)])
    assert result.exit_code == 0, result.output
    for words in ("a_int8.tflite", "320x240", "5 or any", "mean depth", "classical", "indoors"):
        assert words in result.output


def test_a_baseline_is_printed_once_however_many_precisions_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgedepth", "models"], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    (head,) = (line for line in lines if "mean depth" in line)
    assert head.split() == ["mean", "depth", "classical", "fp16", "fp32", "int8"]
    (card,) = cards.shipped_cards()
    for figure in card.figures:
        title = f"{figure.protocol}, {figure.data}, N={figure.n}"
        (row,) = (line for line in lines if line.strip().startswith(title))
        shown = [s for name, s in figure.baselines.items() if name in ("mean depth", "classical")]
        assert len(shown) == 2
        for scores in (figure.scores, *shown):
            assert f"{scores.mae_dioptres:.3f} {scores.delta1:.3f}" in row
    for path in cards.shipped_models():
        (row,) = (line for line in lines if line.startswith(path.name))
        assert f"{path.stat().st_size / 1e3:.0f}" in row.split()
    assert sum(line.startswith("  - ") for line in lines) == len(card.limits)


def test_the_whole_card_on_request(folder: Path) -> None:
    record = json.loads((folder / "first.json").read_text())
    record["limits"] = ["Indoors only (houses, halls): " + "never outdoors, " * 20 + "nor at sea"]
    (folder / "first.json").write_text(json.dumps(record))
    short = CliRunner().invoke(cli, ["models", "--folder", str(folder)]).output
    assert "  - Indoors only\n" in short
    assert "train --seed 1" not in short
    full = CliRunner().invoke(cli, ["models", "--folder", str(folder), "--full"]).output
    for words in (record["limits"][0], "edgedepth train --seed 1", "RMSE 0.200 m"):
        assert words in full


@given(st.text(), st.integers(20, 98))
def test_a_statement_in_short_is_one_line(text: str, width: int) -> None:
    short = in_short(text, width)
    assert len(short) <= width
    assert len(short.splitlines()) <= 1


def test_the_list_as_json(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["models", "--folder", str(folder), "--json"])
    (row,) = json.loads(result.output)
    assert (row["height"], row["width"], row["frames"], row["streaming"]) == (240, 320, 5, True)
    assert row["bytes"] == (folder / "a_int8.tflite").stat().st_size
    assert row["card"]["figures"][0]["baselines"]["classical"]["rmse"] == 0.2


def test_a_model_without_a_card_is_listed(tmp_path: Path) -> None:
    write_model(tmp_path / "b.tflite")
    result = CliRunner().invoke(cli, ["models", "--folder", str(tmp_path), "--json"])
    assert json.loads(result.output)[0]["card"] is None


def test_a_folder_without_models_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["models", "--folder", str(tmp_path)])
    assert isinstance(result.exception, UserError)
    assert "convert" in result.exception.advice


def test_an_installation_without_models_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "SHIPPED", tmp_path / "missing")
    result = CliRunner().invoke(cli, ["models"])
    assert isinstance(result.exception, UserError)
    assert "convert" in result.exception.advice


def test_a_foreign_model_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "foreign.tflite", None)
    result = CliRunner().invoke(cli, ["models", "--folder", str(tmp_path)])
    assert isinstance(result.exception, UserError)
    assert "foreign.tflite" in result.exception.problem


def test_cards_follow_their_schema(folder: Path) -> None:
    jsonschema.validate(json.loads((folder / "first.json").read_text()), CARD_SCHEMA)
    card = cards.read_card(folder / "first.json")
    assert card.figures[0].baselines["mean depth"] == cards.Scores(**ROW)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "edgedepth-card/9"},
        {"colour": "red"},
        {"files": [{"file": "a.tflite"}]},
        {"figures": [{"protocol": "phone"}]},
    ],
)
def test_a_bad_card_is_refused_by_reader_and_schema(folder: Path, change: dict[str, Any]) -> None:
    record = {**json.loads((folder / "first.json").read_text()), **change}
    (folder / "first.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"first\.json"):
        cards.read_card(folder / "first.json")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, CARD_SCHEMA)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "edgedepth-card/1"}'])
def test_what_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=r"x\.json"):
        cards.read_card(tmp_path / "x.json")


def test_every_shipped_file_is_on_a_card_and_every_card_holds() -> None:
    known = cards.shipped_cards()
    for path in cards.SHIPPED.glob("*.json"):
        jsonschema.validate(json.loads(path.read_text()), CARD_SCHEMA)
    listed = {entry.file for card in known for entry in card.files}
    assert listed == {path.name for path in cards.shipped_models()}
    for card in known:
        for entry in card.files:
            path = cards.SHIPPED / entry.file
            assert (entry.bytes, entry.sha256) == (path.stat().st_size, cards.sha256(path))
            spec = metadata.embedded_spec(flatbuffer.read(path))
            assert spec is not None
            assert spec.precision == entry.precision
