"""The whole verdict on a .tflite: its audit, a run on the CPU and a run on the GPU path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedepth.convert import flatbuffer, metadata, probe
from edgedepth.convert.audit import BOTH, Audit, Target, audit, targets_of
from edgedepth.convert.probe import Outcome
from edgedepth.convert.running import Partitions, xnnpack_partitions
from edgedepth.errors import UserError
from edgedepth.quiet import quiet
from edgedepth.spec import ModelSpec

GPU_TOLERANCE = 1e-2
"""Largest difference from the CPU, relative to the output's range, that passes on the GPU."""


@dataclass(frozen=True)
class Verdict:
    """What :func:`check_file` found.

    Attributes:
        path: the file.
        spec: what the file says about itself; None for one that is not edgedepth's.
        targets: where it is meant to run.
        audit: findings, those for other targets demoted to notes.
        partitions: how XNNPACK takes each graph; empty if the runtime refused.
        cpu, gpu: the runs; ``gpu`` is None when the GPU is not a target.
        gpu_difference: ``signature/output`` -> largest relative difference from the CPU.
    """

    path: Path
    spec: ModelSpec | None
    targets: frozenset[Target]
    audit: Audit
    partitions: dict[str, Partitions]
    cpu: Outcome
    gpu: Outcome | None
    gpu_difference: dict[str, float]

    def failures(self) -> list[str]:
        """Why the file does not do, one line each; empty when it does."""
        lines = [f"{f.layer}: {f.problem}" for f in self.audit.errors()]
        if self.cpu.status != "ran":
            lines.append(f"the CPU run: {self.cpu.status}: {self.cpu.message}")
        lines += [f"output {name} holds NaN or infinity" for name in self.cpu.not_finite()]
        return lines + self._gpu_failures()

    def _gpu_failures(self) -> list[str]:
        gpu = self.gpu
        if gpu is None or gpu.status == "no-driver":
            return []
        if gpu.status != "ran":
            return [f"the GPU run: {gpu.status}: {gpu.message}", *gpu.unsupported]
        lines = [] if gpu.fully_accelerated else ["the GPU run: not fully accelerated"]
        lines += [] if gpu.fully_accelerated else list(gpu.unsupported)
        return lines + [
            f"output {name} on the GPU differs from the CPU by {100 * difference:.1f} %"
            for name, difference in self.gpu_difference.items()
            if not difference <= GPU_TOLERANCE
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        gpu = self.gpu
        return {
            "file": str(self.path),
            "bytes": self.path.stat().st_size,
            "edgedepth": self.spec is not None,
            "targets": sorted(self.targets),
            "graphs": [g.__dict__ for g in self.audit.graphs],
            "partitions": {
                k: {"partitions": p.partitions, "left": list(p.left)}
                for k, p in self.partitions.items()
            },
            "findings": [f.as_dict() for f in self.audit.findings],
            "cpu": {"status": self.cpu.status, "message": self.cpu.message},
            "gpu": None
            if gpu is None
            else {
                "status": gpu.status,
                "message": gpu.message,
                "adapter": gpu.adapter,
                "fully_accelerated": gpu.fully_accelerated,
                "unsupported": list(gpu.unsupported),
                "relative_difference": self.gpu_difference,
            },
            "failures": self.failures(),
        }


def check_file(path: Path, targets: frozenset[Target] | None = None) -> Verdict:
    """Audit a .tflite and run it.

    Args:
        targets: where it is meant to run; by default what its metadata says, else both.

    Raises:
        UserError: it cannot be read or is no .tflite.
    """
    model = flatbuffer.read(path)
    spec = metadata.embedded_spec(model, str(path))
    targets = targets or (targets_of(spec) if spec is not None else BOTH)
    cpu, inputs = probe.run_cpu(path)
    gpu = probe.run_gpu(path, inputs) if "gpu" in targets and cpu.status == "ran" else None
    partitions: dict[str, Partitions] = {}
    if cpu.status == "ran":
        try:
            with quiet():
                partitions = xnnpack_partitions(model)
        except UserError:
            partitions = {}
    return Verdict(
        path=path,
        spec=spec,
        targets=targets,
        audit=audit(model).for_targets(targets),
        partitions=partitions,
        cpu=cpu,
        gpu=gpu,
        gpu_difference=_differences(cpu, gpu),
    )


def _differences(cpu: Outcome, gpu: Outcome | None) -> dict[str, float]:
    if gpu is None or gpu.status != "ran":
        return {}
    return {
        name: probe.largest_relative_difference(value, _same_output(cpu, name))
        for name, value in gpu.outputs.items()
    }


def _same_output(cpu: Outcome, name: str) -> Any:
    if name in cpu.outputs:
        return cpu.outputs[name]
    tail = name.split("/", 1)[1]  # a file without signatures: the two runtimes name it apart
    return next(v for k, v in cpu.outputs.items() if k.split("/", 1)[1] == tail)
