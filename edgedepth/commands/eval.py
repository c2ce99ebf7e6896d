"""``edgedepth eval``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from edgedepth.errors import UserError


@click.command()
@click.argument("models", nargs=-1, type=click.Path(path_type=Path), metavar="[MODEL|RUN_DIR]...")
@click.option(
    "--protocol",
    "names",
    multiple=True,
    type=click.Choice(["phone", "crop", "dered"]),
    help="May be given again; all by default.",
)
@click.option(
    "--data",
    default="procedural",
    show_default=True,
    metavar="SOURCE",
    help="procedural, rgbd:DIR, or traced: procedural scenes through a ray-traced lens.",
)
@click.option("--include", multiple=True, metavar="NAME", help="Only these scenes; * allowed.")
@click.option("--dev", is_flag=True, help="Only the scenes of the set dev-rgbd (see docs).")
@click.option("--limit", type=click.IntRange(1), default=12, show_default=True, help="Scenes.")
@click.option("--frames", type=click.IntRange(1), help="Keep only this many planes of a protocol.")
@click.option("--shuffle-focus", is_flag=True, help="Permute the focus distances before asking.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def eval(
    models: tuple[Path, ...],
    names: tuple[str, ...],
    data: str,
    include: tuple[str, ...],
    dev: bool,
    limit: int,
    frames: int | None,
    shuffle_focus: bool,
    as_json: bool,
) -> None:
    """Score models on named protocols, beside the mean depth and the classical answer.

    \b
    edgedepth eval edgedepth/pretrained/edgedepth-mobile-int8.tflite
    edgedepth eval runs/mobile --protocol phone --data rgbd:my_scenes
    edgedepth eval model.tflite --data traced --limit 4
    edgedepth eval model.tflite --shuffle-focus        a model that uses focus gets worse

    Without a model only the two baselines are scored.
    """
    from edgedepth import evaluate, protocols

    for path in models:
        if not path.exists():
            raise UserError(f"{path} does not exist", "give a .tflite file or a run directory")
    contestants = [evaluate.classical()]
    for path in models:
        if path.is_dir():
            contestants += evaluate.run_directory(path)
        else:
            contestants.append(evaluate.model_file(path))
    source = None
    if data != "traced":
        from edgedepth.data.sources import open_source

        source = open_source(data, include=(protocols.DEV_RGBD if dev else include) or None)

    def changed(case: protocols.Case, index: int) -> protocols.Case:
        stack = protocols.thinned(case.stack, frames) if frames else case.stack
        stack = protocols.shuffled(stack, index) if shuffle_focus else stack
        return dataclasses.replace(case, stack=stack)

    reports = []
    for name in names or tuple(protocols.PROTOCOLS):
        protocol = protocols.PROTOCOLS[name]
        if source is None:
            cases = protocols.traced_cases(protocol, limit)
        else:
            cases = protocols.rendered_cases(protocol, source, limit)
        result = evaluate.evaluate((changed(c, i) for i, c in enumerate(cases)), contestants)
        report = {
            "protocol": dataclasses.asdict(protocol),
            "data": "dev-rgbd" if dev else data,
            "scenes": result.scenes,
            "frames": frames or len(protocol.planes_m),
            "shuffled_focus": shuffle_focus,
            "rows": result.rows,
        }
        reports.append(report)
        if not as_json:
            click.echo(_table(report))
    if as_json:
        click.echo(json.dumps(reports, indent=1))


def _table(report: dict[str, Any]) -> str:
    protocol = report["protocol"]
    planes = " ".join(f"{p:g}" for p in protocol["planes_m"])
    shuffled = ", focus distances shuffled" if report["shuffled_focus"] else ""
    lines = [
        f"{protocol['name']}: {protocol['about']}",
        f"  K {protocol['coc_px_per_dioptre']:g} px/D at 640x480, planes {planes} m, "
        f"N={report['frames']}, noise {protocol['noise']:g}{shuffled}",
        f"  data {report['data']}, {len(report['scenes'])} scenes",
    ]
    columns = (
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
    width = max(len(name) for name in report["rows"]) + 2
    lines.append("  " + " " * width + "".join(f"{title:>9}" for _, title in columns))
    for name, row in report["rows"].items():
        lines.append("  " + f"{name:{width}}" + "".join(f"{row[k]:9.3f}" for k, _ in columns))
    return "\n".join(lines) + "\n"
