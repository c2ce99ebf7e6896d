"""Reports of ``edgedepth eval`` for people: the terminal's tables and the documentation's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgedepth.words import counted

Report = Mapping[str, Any]

COLUMNS = (
    ("mae_dioptres", "MAE D"),
    ("rmse", "RMSE m"),
    ("absrel", "AbsRel"),
    ("delta1", "d1"),
    ("delta2", "d2"),
    ("delta3", "d3"),
    ("mse", "MSE"),
    ("ssim", "SSIM"),
    ("psnr", "PSNR"),
)


def terminal(report: Report) -> str:
    """One protocol's table, and its curves."""
    protocol = report["protocol"]
    lines = [f"{protocol['name']}: {protocol['about']}", *(f"  {text}" for text in _terms(report))]
    width = max(len(name) for name in report["rows"]) + 2
    titles = "".join(f"{title:>9}" for _, title in COLUMNS)
    lines.append("  " + " " * width + titles + f"{'AUSE':>9}  vs classical")
    for name, row in report["rows"].items():
        figures = "".join(f"{row[key]:9.3f}" for key, _ in COLUMNS)
        versus = _versus(report["gains"].get(name))
        lines.append(f"  {name:{width}}{figures}{_ause(report, name):>9}  {versus}".rstrip())
    lines += [text for curve in report["curves"] for text in _curve_lines(curve, width)]
    return "\n".join(lines) + "\n"


def _terms(report: Report) -> list[str]:
    """What was asked, exactly."""
    protocol = report["protocol"]
    planes = " ".join(f"{p:g}" for p in protocol["planes_m"])
    shuffled = ", focus distances shuffled" if report["shuffled_focus"] else ""
    return [
        f"K {protocol['coc_px_per_dioptre']:g} px/D at 640x480, planes {planes} m, "
        f"N={report['frames']}, noise {protocol['noise']:g}{shuffled}",
        f"data {report['data']}, {counted(len(report['scenes']), 'scene')}",
    ]


def _ause(report: Report, name: str) -> str:
    found = report["confidence"].get(name)
    return f"{found['ause']:.3f}" if found else "-"


def _versus(gain: Mapping[str, float] | None) -> str:
    if gain is None:
        return ""
    change, low, high = (100 * gain[key] for key in ("change", "low", "high"))
    return f"{change:+.0f} % ({low:+.0f} to {high:+.0f})"


def _curve_lines(curve: Mapping[str, Any], width: int) -> list[str]:
    points = curve["points"]
    values = "".join(f"{point['value']:9g}" for point in points)
    lines = ["", f"  MAE D by {curve['label']}", "  " + " " * width + values]
    for name in points[0]["rows"]:
        errors = "".join(f"{point['rows'][name]['mae_dioptres']:9.3f}" for point in points)
        lines.append(f"  {name:{width}}{errors}")
    return lines


def markdown(reports: Sequence[Report]) -> str:
    """All protocols' tables."""
    return "\n\n".join(_markdown_report(report) for report in reports)


def _markdown_report(report: Report) -> str:
    protocol = report["protocol"]
    head = ["", *(title for _, title in COLUMNS), "AUSE", "vs classical"]
    rows = [
        [
            name.removesuffix(".tflite"),
            *(f"{row[key]:.3f}" for key, _ in COLUMNS),
            _ause(report, name),
            _versus(report["gains"].get(name)),
        ]
        for name, row in report["rows"].items()
    ]
    title = f"`{protocol['name']}`, {protocol['about']}: {'; '.join(_terms(report))}."
    return "\n".join([title, "", *markdown_table(head, rows)])


def markdown_runs(runs: Sequence[Mapping[str, Any]]) -> str:
    """How much training stands behind the rows of run directories, a line each."""
    lines = []
    for run in runs:
        height, width = run["size"]
        steps = f"{run['float_steps']} steps in float and {run['qat_steps']} quantization-aware"
        hours = "" if run["hours"] is None else f", {60 * run['hours']:.0f} minutes of wall time"
        lines.append(
            f"- {run['name']}: {steps}, about {run['frames_per_batch']} frames of "
            f"{width}x{height} a step{hours}."
        )
    return "\n".join(["Training behind the rows of run directories:", "", *lines])


def markdown_training(found: Mapping[str, Any]) -> str:
    """Validations of a run against its hours, and the classical answer on the same stacks."""
    rows = [
        [
            str(point["step"]),
            point["phase"],
            f"{point['hours']:.2f}",
            f"{point['mae_dioptres']:.4f}",
            f"{point['delta1']:.3f}",
        ]
        for point in found["points"]
    ]
    classical = found["classical"]
    if classical:
        figures = [f"{classical['mae_dioptres']:.4f}", f"{classical['delta1']:.3f}"]
        rows.append(["", "classical", "", *figures])
    return "\n".join(markdown_table(("step", "phase", "hours", "MAE D", "d1"), rows))


def markdown_comparison(found: Mapping[str, Any]) -> str:
    """Variants of the network that were trained alike, the classical answer above them."""
    reports = found["reports"]
    head = ["", "validation MAE D"]
    for report in reports:
        head += [f"`{report['protocol']}` MAE D", "d1", "vs classical"]
    validation = {"classical": found["classical"]}
    validation |= {variant["name"]: variant["validation"] for variant in found["variants"]}
    rows = []
    for name, row in validation.items():
        cells = [name, f"{row['mae_dioptres']:.4f}"]
        for report in reports:
            scored = report["rows"][name]
            versus = _versus(report["gains"].get(name))
            cells += [f"{scored['mae_dioptres']:.4f}", f"{scored['delta1']:.3f}", versus]
        rows.append(cells)
    height, width = found["size"]
    scenes = len(reports[0]["scenes"])
    title = (
        f"{found['steps']} steps of about {found['frames_per_batch']} frames of {width}x{height}, "
        f"{found['stacks']} stacks, seed {found['seed']}; protocols on {scenes} scenes of the "
        "development set."
    )
    return "\n".join([title, "", *markdown_table(head, rows)])


def markdown_curves(reports: Sequence[Report]) -> str:
    """MAE in dioptres along every curve, a table each."""
    parts = []
    for report in reports:
        for curve in report["curves"]:
            parts.append(_markdown_curve(report, curve))
    return "\n\n".join(parts)


def _markdown_curve(report: Report, curve: Mapping[str, Any]) -> str:
    points = curve["points"]
    title = (
        f"`{report['protocol']['name']}` on {report['data']}, {len(report['scenes'])} scenes, "
        f"MAE D by {curve['label']}:"
    )
    rows = [
        [
            name.removesuffix(".tflite"),
            *(f"{point['rows'][name]['mae_dioptres']:.3f}" for point in points),
        ]
        for name in points[0]["rows"]
    ]
    return "\n".join([title, "", *markdown_table(["", *(f"{p['value']:g}" for p in points)], rows)])


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    written = ["| " + " | ".join(line) + " |" for line in (head, *lines)]
    return [written[0], "|" + "---|" * len(head), *written[1:]]
