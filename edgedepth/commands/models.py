"""``edgedepth models``: what is shipped, with its cards."""

from __future__ import annotations

import dataclasses
import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgedepth import cards
from edgedepth.capture import modelfile
from edgedepth.errors import UserError

COLUMNS = ("file", "kB", "precision", "input", "frames", "use it for")
USES = {
    "int8": "phones and CPUs",
    "fp16": "GPUs",
    "fp32": "comparing: nothing is rounded",
    "dynamic": "CPUs: only its weights are 8-bit",
}
"""Precision -> what a file of it is for."""

WIDTH = 98
TRAINING_LINES = 3


@click.command()
@click.option("--full", is_flag=True, help="Print the whole cards: all figures, limits, commands.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON, cards included.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="List another folder's models.",
)
def models(full: bool, as_json: bool, folder: Path | None) -> None:
    """List the models that are shipped, with their figures.

    \b
    edgedepth models                    what there is and how well it does
    edgedepth models --full             all that is known of it
    edgedepth models --json             the same for a program
    edgedepth models --folder my/       the models of another folder

    Use one with: edgedepth infer SWEEP --model FILE
    """
    folder = folder or cards.SHIPPED
    paths = cards.shipped_models(folder)
    if not paths:
        raise UserError(f"{folder}: no .tflite file there", "make one with `edgedepth convert`")
    known = cards.shipped_cards(folder)
    rows = [describe(path, known) for path in paths]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    _print_table(rows)
    for card in known:
        if full:
            _print_card(card)
        else:
            _print_short(card)
    if known and not full:
        click.echo("\nmore: edgedepth models --full")


def describe(path: Path, known: list[cards.Card]) -> dict[str, Any]:
    """One model file: what it says of itself and what its card says of it."""
    spec = modelfile.read_model_file(path).spec
    covered = cards.card_of(path, known)
    return {
        "path": str(path),
        "file": path.name,
        "bytes": path.stat().st_size,
        "preset": spec.preset,
        "precision": spec.precision,
        "height": spec.height,
        "width": spec.width,
        "frames": spec.frames,
        "streaming": spec.streaming,
        "card": dataclasses.asdict(covered[0]) if covered else None,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    _print_columns([COLUMNS, *(_cells(row) for row in rows)])


def _print_columns(lines: Sequence[Sequence[str]], indent: str = "") -> None:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        cells = (c.ljust(w) for c, w in zip(line, widths, strict=True))
        click.echo(indent + "  ".join(cells).rstrip())


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    counts = [str(row["frames"])] if row["frames"] else []
    frames = " or ".join([*counts, *(["any"] if row["streaming"] else [])])
    return (
        row["file"],
        f"{row['bytes'] / 1e3:.0f}",
        row["precision"],
        f"{row['width']}x{row['height']}",
        frames,
        USES[row["precision"]],
    )


def _print_short(card: cards.Card) -> None:
    """A card in less than a screen: what it learnt from, one table, what it cannot do."""
    click.echo(f"\n{card.name} ({card.date}, weights under {card.licence}, {card.hours:g} h)")
    trained = textwrap.wrap(
        f"trained on {without_asides(card.trained_on)}",
        WIDTH,
        max_lines=TRAINING_LINES,
        placeholder=" ...",
        initial_indent="  ",
        subsequent_indent="  ",
    )
    click.echo("\n".join(trained))
    if card.figures:
        click.echo("\n  error in dioptres (MAE D) and delta1:")
        _print_columns(figure_table(card.figures), "  ")
    click.echo("\n  limits:")
    for limit in card.limits:
        click.echo(f"  - {in_short(limit, WIDTH - 4)}")


def figure_table(figures: Sequence[cards.Figure]) -> list[list[str]]:
    """Head and rows: a row for each protocol and set, a column for each baseline and precision, but
    for the baseline that a hundred columns have no room for."""
    from edgedepth.evaluate import CLASSICAL_WITH_BLUR

    columns: dict[str, None] = {}
    rows: dict[str, dict[str, cards.Scores]] = {}
    for figure in figures:
        found = rows.setdefault(_set_of(figure), {})
        shown = {k: v for k, v in figure.baselines.items() if k != CLASSICAL_WITH_BLUR}
        found.update(shown)
        columns.update(dict.fromkeys(shown))
    for figure in figures:
        rows[_set_of(figure)][figure.precision] = figure.scores
        columns[figure.precision] = None
    table = [["", *columns]]
    for name, found in rows.items():
        cells = (found.get(column) for column in columns)
        table.append([name, *("-" if c is None else _two(c) for c in cells)])
    return table


def _set_of(figure: cards.Figure) -> str:
    return f"{figure.protocol}, {figure.data}, N={figure.n}"


def _two(scores: cards.Scores) -> str:
    return f"{scores.mae_dioptres:.3f} {scores.delta1:.3f}"


def without_asides(text: str) -> str:
    """A text without what stands in parentheses."""
    return re.sub(r"\s*\([^()]*\)", "", text)


def in_short(text: str, width: int) -> str:
    """The first statement of a text, without what stands in parentheses, in one line."""
    first = re.split(r"[.:;](?:\s|$)", without_asides(text), maxsplit=1)[0]
    return textwrap.shorten(first, width, placeholder=" ...")


def _print_card(card: cards.Card) -> None:
    """All of it."""
    click.echo(f"\n{card.name} ({card.date}, weights under {card.licence})")
    click.echo(f"  trained on {card.trained_on}")
    click.echo(f"  {card.command}    # {card.hours:g} h, seed {card.seed}")
    for figure in card.figures:
        click.echo(f"  protocol {figure.protocol} on {figure.data}, N = {figure.n}:")
        for name, row in ((figure.precision, figure.scores), *figure.baselines.items()):
            click.echo(
                f"    {name:<20} RMSE {row.rmse:.3f} m  AbsRel {row.absrel:.3f}  "
                f"delta1 {row.delta1:.3f}  MAE {row.mae_dioptres:.3f} D"
            )
    for limit in card.limits:
        click.echo(f"  limit: {limit}")
