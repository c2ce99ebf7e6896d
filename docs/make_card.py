"""Write the card of a shipped model from what was measured.

    edgedepth eval edgedepth/pretrained/NAME-*.tflite --dev --data rgbd:DIR --json > dev.json
    edgedepth eval edgedepth/pretrained/NAME-*.tflite --data traced --limit 12 --json > traced.json
    edgedepth eval edgedepth/pretrained/NAME-*.tflite --data pathtraced --json > path.json
    python docs/make_card.py NAME story.json dev.json traced.json path.json

Runs of other networks that were scored too (``edgedepth eval ... runs/paper``) stand beside the
baselines, by the name of their folder.

``story.json`` holds what no measurement tells: trained_on, licence, command, seed, hours,
limits, date.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edgedepth.capture.modelfile import read_model_file
from edgedepth.cards import SCHEMA, SHIPPED, read_card, sha256
from edgedepth.evaluate import CLASSICAL, CLASSICAL_WITH_BLUR, MEAN_DEPTH
from edgedepth.files import write_text

METRICS = ("rmse", "absrel", "delta1", "mae_dioptres")
BASELINES = (MEAN_DEPTH, CLASSICAL, CLASSICAL_WITH_BLUR)
FLOAT = " (float)"


def scores(row: dict[str, float]) -> dict[str, float]:
    return {name: round(row[name], 4) for name in METRICS}


def others(rows: dict[str, dict[str, float]], ours: str) -> dict[str, dict[str, float]]:
    """The baselines, and other networks than ours after their float phase."""
    found = {name: rows[name] for name in BASELINES}
    for name, row in rows.items():
        if name.endswith(FLOAT) and not name.startswith(ours):
            found[name.removesuffix(FLOAT)] = row
    return found


def figures(report: dict[str, Any], precisions: dict[str, str], ours: str) -> list[dict[str, Any]]:
    """The card's figures from one protocol of ``edgedepth eval --json``.

    Args:
        precisions: of the shipped files.
        ours: name of the card.
    """
    rows = report["rows"]
    return [
        {
            "protocol": report["protocol"]["name"],
            "data": f"{report['data']}, {len(report['scenes'])} scenes",
            "n": report["frames"],
            "precision": precision,
            **scores(rows[file]),
            "baselines": {name: scores(row) for name, row in others(rows, ours).items()},
        }
        for file, precision in precisions.items()
        if file in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="the files are NAME-PRECISION.tflite")
    parser.add_argument("story", type=Path)
    parser.add_argument("evaluations", type=Path, nargs="+")
    given = parser.parse_args()
    paths = sorted(SHIPPED.glob(f"{given.name}-*.tflite"))
    precisions = {p.name: read_model_file(p).spec.precision for p in paths}
    card = {
        "schema": SCHEMA,
        "name": given.name,
        "files": [
            {
                "file": p.name,
                "precision": precisions[p.name],
                "bytes": p.stat().st_size,
                "sha256": sha256(p),
            }
            for p in paths
        ],
        "figures": [
            figure
            for evaluation in given.evaluations
            for report in json.loads(evaluation.read_text())
            for figure in figures(report, precisions, given.name)
        ],
        **json.loads(given.story.read_text()),
    }
    target = SHIPPED / f"{given.name}.json"
    write_text(target, json.dumps(card, indent=1) + "\n")
    read_card(target)


if __name__ == "__main__":
    main()
