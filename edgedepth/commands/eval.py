"""``edgedepth eval``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgedepth.errors import UserError

if TYPE_CHECKING:
    from tqdm import tqdm

    from edgedepth.data.sources import Source
    from edgedepth.evaluate import Contestant, Result
    from edgedepth.protocols import Case, Protocol, Stage

CURVE_NAMES = ("frames", "single", "planes", "coc", "misalignment", "noise", "shuffle")


@dataclasses.dataclass(frozen=True)
class Request:
    """What the options ask for.

    Attributes:
        source: of scenes; None for the traced ones.
        data: the source in words.
        limit: scenes at most.
        frames: keep only so many planes.
        shuffle: permute the focus distances.
        curves: names of curves.
        pictures: folder for pictures, None for none.
        cache: folder that keeps traced pictures, None for none.
    """

    source: Source | None
    data: str
    limit: int
    frames: int | None
    shuffle: bool
    curves: tuple[str, ...]
    pictures: Path | None
    cache: Path | None = None


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
    help="procedural, rgbd:DIR, or traced, pathtraced: made scenes through a true lens.",
)
@click.option("--include", multiple=True, metavar="NAME", help="Only these scenes; * allowed.")
@click.option("--dev", is_flag=True, help="Only the scenes of the set dev-rgbd (see docs).")
@click.option("--limit", type=click.IntRange(1), default=12, show_default=True, help="Scenes.")
@click.option("--frames", type=click.IntRange(1), help="Keep only this many planes of a protocol.")
@click.option("--shuffle-focus", is_flag=True, help="Permute the focus distances before asking.")
@click.option("--curves", is_flag=True, help="Also vary the stack, the lens and what goes wrong.")
@click.option(
    "--curve",
    "some",
    multiple=True,
    type=click.Choice(CURVE_NAMES),
    help="Only this one; may be given again.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the best, median and worst scene, the curves, error against confidence.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="EDGEDEPTH_TRACED",
    show_envvar=True,
    help="Folder that keeps traced pictures for the next time.",
)
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
    curves: bool,
    some: tuple[str, ...],
    pictures: Path | None,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Score models on named protocols, beside the mean depth and the classical answer.

    \b
    edgedepth eval edgedepth/pretrained/edgedepth-mobile-int8.tflite
    edgedepth eval runs/mobile --protocol phone --data rgbd:my_scenes
    edgedepth eval runs/mobile int8.tflite fp16.tflite runs/paper --pictures look/
    edgedepth eval model.tflite --data traced --limit 4 --cache traced/
    edgedepth eval model.tflite --data pathtraced --limit 4 --cache traced/
    edgedepth eval model.tflite --shuffle-focus        a model that uses focus gets worse
    edgedepth eval model.tflite --protocol phone --curves --pictures look/ --json

    Without a model only the baselines are scored. A run directory gives two rows, after its float
    and its quantization-aware phase. "vs classical" is the error in dioptres against the
    classical answer's on the same scenes, with its 95 % interval. Models' answers are weighed
    against relative blur, as infer does; the classical answer has a second row with it, which
    says how much of their lead is not the model's. A model has to beat both.

    AUSE says whether confidence means something: the area between the error that is left as the
    least certain pixels are taken away and that as the worst are. 0 is the best. A confidence
    without meaning leaves the error as it is, which makes about 0.7 (0.55 to 0.8 on ours).
    """
    from edgedepth import album, evaltable, protocols

    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    wanted = tuple(dict.fromkeys(some)) or (CURVE_NAMES if curves else ())
    contestants = _contestants(models)
    source = None
    if data not in album.TRACED:
        from edgedepth.data.sources import open_source

        source = open_source(data, include=(protocols.DEV_RGBD if dev else include) or None)
    request = Request(
        source, "dev-rgbd" if dev else data, limit, frames, shuffle_focus, wanted, pictures, cache
    )
    reports = []
    for name in names or tuple(protocols.PROTOCOLS):
        reports.append(_evaluate(protocols.PROTOCOLS[name], contestants, request))
        if not as_json:
            click.echo(evaltable.terminal(reports[-1]))
    if as_json:
        click.echo(json.dumps(reports, indent=1))
    elif pictures is not None:
        click.echo(f"pictures in {pictures}")


def _contestants(models: tuple[Path, ...]) -> list[Contestant]:
    from edgedepth import evaluate

    for path in models:
        if not path.exists():
            raise UserError(f"{path} does not exist", "give a .tflite file or a run directory")
    found = [
        evaluate.classical(),
        evaluate.classical(evaluate.CLASSICAL_WITH_BLUR, relative_blur=True),
    ]
    for path in models:
        found += evaluate.run_directory(path) if path.is_dir() else [evaluate.model_file(path)]
    names = [contestant.name for contestant in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"two models are named {twice}", "rename one: rows go by name")
    return found


def _evaluate(
    protocol: Protocol, contestants: list[Contestant], request: Request
) -> dict[str, Any]:
    """One protocol's report; its pictures are written."""
    from edgedepth import album, evaluate, protocols

    if request.source is None:
        made = album.stages(request.data, protocol, request.limit, request.cache)
    else:
        made = protocols.rendered_stages(protocol, request.source, request.limit)
    stages = list(made)
    with _progress(len(stages) * (2 + len(request.curves))) as bar:
        cases = [_case(protocol, stage, request, _tick(bar)) for stage in stages]
        result = evaluate.evaluate(cases, contestants, _tick(bar))
        curves = _curves(protocol, stages, contestants, request, _tick(bar))
    report: dict[str, Any] = {
        "protocol": dataclasses.asdict(protocol),
        "data": request.data,
        "scenes": result.scenes,
        "frames": len(protocol.planes_m[: request.frames]),
        "shuffled_focus": request.shuffle,
        "rows": result.rows,
        "gains": {name: dataclasses.asdict(gain) for name, gain in result.gains.items()},
        "confidence": {
            name: {**dataclasses.asdict(found), "ause": found.ause}
            for name, found in result.confidence.items()
        },
        "curves": curves,
    }
    if request.pictures is not None:
        _write_pictures(request.pictures, protocol, cases, contestants, result, report)
    return report


def _progress(total: int) -> tqdm:  # type: ignore[type-arg]
    from tqdm import tqdm

    return tqdm(total=total, unit="scene", disable=None, leave=False)


def _tick(bar: tqdm) -> Callable[[str], None]:  # type: ignore[type-arg]
    def tick(what: str) -> None:
        bar.set_description(what)
        bar.update()

    return tick


def _case(protocol: Protocol, stage: Stage, request: Request, tick: Callable[[str], None]) -> Case:
    from edgedepth import protocols

    tick(f"rendering {stage.scene.name}")
    case = protocols.make_case(protocol, stage, stage.shoot(protocol))
    stack = protocols.thinned(case.stack, request.frames) if request.frames else case.stack
    stack = protocols.shuffled(stack, stage.index) if request.shuffle else stack
    return dataclasses.replace(case, stack=stack)


def _curves(
    protocol: Protocol,
    stages: list[Stage],
    contestants: list[Contestant],
    request: Request,
    tick: Callable[[str], None],
) -> list[dict[str, Any]]:
    if not request.curves:
        return []
    from edgedepth.curves import evaluate_curves
    from edgedepth.evaluate import CLASSICAL_WITH_BLUR

    drawn = [one for one in contestants if one.name != CLASSICAL_WITH_BLUR]
    return evaluate_curves(protocol, stages, drawn, request.curves, tick)


def _write_pictures(
    folder: Path,
    protocol: Protocol,
    cases: list[Case],
    contestants: list[Contestant],
    result: Result,
    report: dict[str, Any],
) -> None:
    """The scenes are the best, median and worst of the first model, of the classical answer
    without one."""
    from edgedepth import evalpictures as drawn
    from edgedepth.evaluate import CLASSICAL, CLASSICAL_WITH_BLUR

    baselines = CLASSICAL, CLASSICAL_WITH_BLUR
    first = next((one.name for one in contestants if one.name not in baselines), CLASSICAL)
    title = f"{protocol.name}, {report['data']}, {len(cases)} scenes"
    pictures = {}
    for place, index in drawn.chosen_scenes(result, first).items():
        case = cases[index]
        answers = {c.name: c.predict(case.stack) for c in contestants}
        errors = {name: result.scores[name][index]["mae_dioptres"] for name in answers}
        pictures[f"{protocol.name}-{place}"] = drawn.draw_scene(case, answers, errors)
    if result.confidence:
        pictures[f"{protocol.name}-confidence"] = drawn.draw_confidence(result.confidence, title)
    if report["curves"]:
        pictures[f"{protocol.name}-curves"] = drawn.draw_curves(report["curves"], title)
    drawn.write_all(folder, pictures)
