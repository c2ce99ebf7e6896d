"""``edgedepth check``: will this .tflite run, where, and what stands in its way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgedepth.convert.audit import Finding, Target
    from edgedepth.convert.check import Verdict

MOST_LAYERS = 6
"""Layers that a finding names; --json names all."""

_TARGETS: dict[str, frozenset[Target]] = {
    "cpu": frozenset({"cpu"}),
    "gpu": frozenset({"gpu"}),
    "all": frozenset({"cpu", "gpu"}),
}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--target",
    type=click.Choice(list(_TARGETS)),
    help="Where it is to run; by default what the file's metadata says, else all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def check(file: Path, target: str | None, as_json: bool) -> None:
    """Audit any .tflite and run it on the CPU and, where a Vulkan driver answers, on the GPU.

    \b
    edgedepth check depth_int8.tflite
    edgedepth check depth_fp16.tflite --target gpu
    edgedepth check someone_elses.tflite --json

    Each finding names the tensor, the layer it came from and what to change. The exit code is
    1 when something is in the way on the target.

    The GPU run goes through LiteRT's accelerator and needs a Vulkan loader and driver. Without
    a GPU, SwiftShader does: `apt install chromium-common`, or name its driver file in
    VK_DRIVER_FILES.
    """
    from edgedepth.convert.check import check_file

    verdict = check_file(file, _TARGETS[target] if target else None)
    if as_json:
        click.echo(json.dumps(verdict.as_dict(), indent=2))
    else:
        _print(verdict)
    if verdict.failures():
        raise click.exceptions.Exit(1)


def _print(verdict: Verdict) -> None:
    spec = verdict.spec
    kind = f"edgedepth {spec.preset} {spec.precision}" if spec else "not made by edgedepth"
    size_kb = verdict.path.stat().st_size / 1e3
    click.echo(f"{verdict.path}  {size_kb:.0f} kB, {kind}")
    click.echo(f"targets: {', '.join(sorted(verdict.targets))}\n")
    for graph in verdict.audit.graphs:
        taken = verdict.partitions.get(graph.name)
        xnnpack = f", {taken.partitions} XNNPACK partitions" if taken else ""
        left = f" (left over: {_counted(taken.left)})" if taken and taken.left else ""
        count = sum(graph.operators.values())
        click.echo(
            f"{graph.name}: {count} operators, {graph.macs / 1e6:.1f} MMAC, "
            f"rank <= {graph.max_rank}{xnnpack}{left}"
        )
        click.echo("  " + ", ".join(f"{kind} {n}" for kind, n in graph.operators.items()))
    click.echo("")
    _print_findings(verdict.audit.findings)
    _print_runs(verdict)
    failures = verdict.failures()
    click.echo("")
    if failures:
        click.echo(f"{len(failures)} in the way on {', '.join(sorted(verdict.targets))}:")
        for line in failures:
            click.echo(f"  {line}")
    else:
        click.echo(f"fit for {', '.join(sorted(verdict.targets))}")


def _print_findings(findings: Sequence[Finding]) -> None:
    """Findings that say the same of several layers are told once."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.severity, finding.rule, finding.problem, finding.change)
        groups.setdefault(key, []).append(finding)
    for (severity, rule, problem, change), group in groups.items():
        click.echo(f"{severity} [{rule}; {', '.join(sorted(group[0].targets))}] {problem}")
        click.echo(f"    {_places(group)}")
        click.echo(f"    change: {change}")


def _places(group: Sequence[Finding]) -> str:
    graphs = ", ".join(dict.fromkeys(f.graph for f in group))
    layers = list(dict.fromkeys(f.layer for f in group))
    count = sum(f.count for f in group)
    if len(group) == 1:
        times = f" (x{count})" if count > 1 else ""
        return f"in {graphs} at {group[0].where}{times}, layer {layers[0]}"
    shown = ", ".join(layers[:MOST_LAYERS])
    more = f" and {len(layers) - MOST_LAYERS} more" if len(layers) > MOST_LAYERS else ""
    first = f"the first at {group[0].where}"
    return f"{count} times in {graphs}, {first}; layers {shown}{more}"


def _print_runs(verdict: Verdict) -> None:
    click.echo(f"run on the CPU: {_outcome(verdict.cpu.status, verdict.cpu.message)}")
    gpu = verdict.gpu
    if gpu is None:
        why = "the CPU run failed" if "gpu" in verdict.targets else "not a target of this file"
        click.echo(f"run on the GPU: not tried, {why}")
    elif gpu.status == "no-driver":
        click.echo("run on the GPU: not possible, no Vulkan driver answered (see -h)")
    else:
        full = "fully accelerated" if gpu.fully_accelerated else "NOT fully accelerated"
        click.echo(f"run on the GPU ({gpu.adapter}): {_outcome(gpu.status, gpu.message)}, {full}")
        for name, difference in verdict.gpu_difference.items():
            if not name.partition("/")[2].startswith("state_"):
                click.echo(f"    {name}: {100 * difference:.3f} % from the CPU")
        states = [d for n, d in verdict.gpu_difference.items() if "/state_" in n]
        if states:
            click.echo(f"    {len(states)} state tensors: {100 * max(states):.3f} % at most")


def _counted(kinds: Sequence[str]) -> str:
    counts = Counter(kinds)
    return ", ".join(kind if n == 1 else f"{kind} {n}" for kind, n in counts.most_common())


def _outcome(status: str, message: str) -> str:
    return status if not message else f"{status}, {message}"
