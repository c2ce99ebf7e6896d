"""Model cards: what each shipped file is, how it came to be and how well it does.

A card is a JSON file beside the ``.tflite`` files it describes; its schema is
``docs/schemas/card.schema.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedepth.errors import UserError

SCHEMA = "edgedepth-card/1"
SHIPPED = Path(__file__).parent / "pretrained"


@dataclass(frozen=True)
class Scores:
    """Depth metrics of one row, as :mod:`edgedepth.metrics` defines them."""

    rmse: float
    absrel: float
    delta1: float
    mae_dioptres: float


@dataclass(frozen=True)
class Figure:
    """One measured result.

    Attributes:
        protocol, data: names of the evaluation protocol and of the set.
        n: frames per stack.
        precision: of the file that was scored.
        scores: the model's.
        baselines: rows to read it beside, ``"mean depth"`` and ``"classical"`` among them.
    """

    protocol: str
    data: str
    n: int
    precision: str
    scores: Scores
    baselines: Mapping[str, Scores]


@dataclass(frozen=True)
class CardFile:
    """One file that a card covers; ``file`` is its name beside the card."""

    file: str
    precision: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Card:
    """What is known about a trained network, however many files it was converted to."""

    name: str
    files: tuple[CardFile, ...]
    trained_on: str
    licence: str
    command: str
    seed: int
    hours: float
    figures: tuple[Figure, ...]
    limits: tuple[str, ...]
    date: str


def read_card(path: Path) -> Card:
    """Read a card.

    Raises:
        UserError: not a card of this schema, or a field is missing, unknown or of a wrong kind.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.pop("schema") != SCHEMA:
            raise ValueError(f"not of schema {SCHEMA}")
        record["files"] = tuple(CardFile(**entry) for entry in record["files"])
        record["figures"] = tuple(_figure(entry) for entry in record["figures"])
        record["limits"] = tuple(record["limits"])
        return Card(**record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a model card ({error})", "install edgedepth again") from None


def _figure(entry: dict[str, Any]) -> Figure:
    baselines = {name: Scores(**row) for name, row in entry.pop("baselines").items()}
    scores = Scores(**{name: entry.pop(name) for name in Scores.__dataclass_fields__})
    return Figure(**entry, scores=scores, baselines=baselines)


def shipped_models(folder: Path = SHIPPED) -> list[Path]:
    """The ``.tflite`` files of a folder, by name."""
    return sorted(folder.glob("*.tflite"))


def shipped_cards(folder: Path = SHIPPED) -> list[Card]:
    """The cards of a folder, by name.

    Raises:
        UserError: a card cannot be read.
    """
    return [read_card(path) for path in sorted(folder.glob("*.json"))]


def card_of(model: Path, cards: list[Card]) -> tuple[Card, CardFile] | None:
    """The card that covers a file, and its entry there."""
    for card in cards:
        for entry in card.files:
            if entry.file == model.name:
                return card, entry
    return None


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
