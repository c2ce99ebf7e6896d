"""``edgedepth check``: will this .tflite run, where, and what stands in its way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgedepth.convert.audit import Finding, Target
    from edgedepth.convert.check import Verdict

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
        left = f" (left over: {', '.join(taken.left)})" if taken and taken.left else ""
        count = sum(graph.operators.values())
        click.echo(
            f"{graph.name}: {count} operators, {graph.macs / 1e6:.1f} MMAC, "
            f"rank <= {graph.max_rank}{xnnpack}{left}"
        )
        click.echo("  " + ", ".join(f"{kind} {n}" for kind, n in graph.operators.items()))
    click.echo("")
    for finding in verdict.audit.findings:
        _print_finding(finding)
    _print_runs(verdict)
    failures = verdict.failures()
    click.echo("")
    if failures:
        click.echo(f"{len(failures)} in the way on {', '.join(sorted(verdict.targets))}:")
        for line in failures:
            click.echo(f"  {line}")
    else:
        click.echo(f"fit for {', '.join(sorted(verdict.targets))}")


def _print_finding(finding: Finding) -> None:
    times = f" (x{finding.count})" if finding.count > 1 else ""
    where = ", ".join(sorted(finding.targets))
    click.echo(f"{finding.severity} [{finding.rule}; {where}] {finding.graph}: {finding.problem}")
    click.echo(f"    at {finding.where}{times}, layer {finding.layer}")
    click.echo(f"    change: {finding.change}")


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
            click.echo(f"    {name}: {100 * difference:.3f} % from the CPU")


def _outcome(status: str, message: str) -> str:
    return status if not message else f"{status}, {message}"
