"""``edgedepth models``: what is shipped, with its cards."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from edgedepth import cards
from edgedepth.capture import modelfile
from edgedepth.errors import UserError

COLUMNS = ("file", "size", "precision", "preset", "input", "frames")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="List another folder's models.",
)
def models(as_json: bool, folder: Path | None) -> None:
    """List the models that are shipped, with their figures.

    \b
    edgedepth models                    what there is and how well it does
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
        _print_card(card)


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
    lines = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    for line in lines:
        click.echo("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    counts = [str(row["frames"])] if row["frames"] else []
    frames = " or ".join([*counts, *(["any"] if row["streaming"] else [])])
    size = f"{row['bytes'] / 1e6:.2f} MB"
    return (
        row["file"],
        size,
        row["precision"],
        row["preset"],
        f"{row['width']}x{row['height']}",
        frames,
    )


def _print_card(card: cards.Card) -> None:
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
