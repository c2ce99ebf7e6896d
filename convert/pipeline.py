"""``edgedepth convert`` as a function: export, audit, verify, and only then write.

Needs the ``train`` extra (TensorFlow).
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgedepth.capture.runtimes import Arrays
from edgedepth.convert import divergence, export, flatbuffer, verify
from edgedepth.convert.audit import Audit, audit, targets_of
from edgedepth.convert.running import Partitions, Session, xnnpack_partitions
from edgedepth.errors import UserError
from edgedepth.models.backend import tf
from edgedepth.models.checkpoint import load_run
from edgedepth.models.presets import preset_spec
from edgedepth.quiet import quiet
from edgedepth.rundir import RunDirectory
from edgedepth.spec import MAX_FRAMES, ModelSpec, Precision

TIMED_RUNS = 7


@dataclass(frozen=True)
class Options:
    """How to convert.

    Attributes:
        frames: N of ``infer``; None: 5, and one more where an all-in-focus frame comes first.
        height, width: input size; None: as trained.
        streaming: with ``encode_step`` and ``decode``; None: wherever the preset can.
        boundary: type of an int8 file's inputs and outputs.
        strict: hold the file to tighter limits.
    """

    frames: int | None = None
    height: int | None = None
    width: int | None = None
    streaming: bool | None = None
    boundary: export.Boundary = "int8"
    strict: bool = False


@dataclass(frozen=True)
class Conversion:
    """A converted model and everything that was measured on it.

    Attributes:
        exported: the file's bytes and spec.
        audit: for the file's own target.
        partitions: XNNPACK's, per signature.
        agreement: with the training graph.
        milliseconds: median time of ``infer`` on one thread.
        failures: why it must not be shipped; empty when it may.
    """

    exported: export.Exported
    audit: Audit
    partitions: dict[str, Partitions]
    agreement: verify.Agreement
    milliseconds: float
    failures: tuple[str, ...]

    @property
    def spec(self) -> ModelSpec:
        """What the file's metadata says."""
        return self.exported.spec

    @property
    def operators(self) -> int:
        """Operators of ``infer``."""
        return sum(self.audit.graph("infer").operators.values())

    def row(self) -> dict[str, Any]:
        """The figures of ``infer`` that a table compares, depth standing for the outputs."""
        depth = self.agreement.outputs[verify.main_output(self.spec)]
        return {
            "precision": self.spec.precision,
            "bytes": len(self.exported.data),
            "operators": self.operators,
            "partitions": self.partitions["infer"].partitions,
            "mmac": self.audit.graph("infer").macs / 1e6,
            "max_lsb": depth.max_lsb,
            "share_within_1_lsb": depth.share_within_1_lsb,
            "psnr_db": depth.psnr_db,
            "correlation": depth.correlation,
            "mae_dioptres": self.agreement.mae_dioptres[1],
            "delta1": self.agreement.delta1[1],
            "streaming_difference": self.agreement.streaming,
            "milliseconds": self.milliseconds,
        }


def check_options(options: Options) -> None:
    """Raise UserError for frames or a size that no preset takes."""
    if options.frames is not None and not 1 <= options.frames <= MAX_FRAMES:
        raise UserError(
            f"--frames {options.frames} is out of range", f"choose from 1 to {MAX_FRAMES}"
        )
    for side in (options.height, options.width):
        if side is not None and not 16 <= side <= 4096:
            raise UserError(f"--size: a side of {side} is out of range", "choose from 16 to 4096")


def load_network(run_dir: Path, precision: Precision, options: Options) -> Any:
    """The trained network, ready to export.

    Raises:
        UserError: no weights there, weights of another preset, an impossible size.
    """
    check_options(options)
    config = RunDirectory(run_dir).config()
    if config.single_image:
        raise UserError(
            f"{run_dir} learned from single images, the baseline of a comparison: a sweep's "
            "focus would mean nothing to it",
            "score it with `edgedepth eval RUN_DIR`, or train without --single-image",
        )
    composite = preset_spec(config.preset, 240, 320).all_in_focus_first
    if options.streaming and composite:
        raise UserError(
            "--streaming does not go with a preset whose first frame is made of all the others",
            "leave --streaming out",
        )
    streaming = not composite if options.streaming is None else options.streaming
    return load_run(
        run_dir,
        quantized=precision == "int8",
        height=options.height,
        width=options.width,
        frames=options.frames or (6 if composite else 5),
        streaming=streaming,
    )


def convert_network(net: export.Network, precision: Precision, options: Options) -> Conversion:
    """Export a network and measure the result; nothing is written.

    Raises:
        UserError: the converter refuses the network.
    """
    functions = export.signature_functions(net)
    exported = export.export(net, precision, options.boundary, functions)
    model = flatbuffer.parse(exported.data)
    audited = audit(model).for_targets(targets_of(exported.spec))
    with quiet():
        partitions = xnnpack_partitions(model)
        stacks = verify.check_stacks(exported.spec)
        agreed = verify.agreement(
            training_graph(functions[export.INFER]), exported.data, exported.spec, stacks
        )
        milliseconds = latency_ms(exported.data, stacks[0].inputs)
    limits = (verify.STRICT_LIMITS if options.strict else verify.LIMITS)[precision]
    broken = [f"{f.graph}: {f.problem} ({f.layer})" for f in audited.broken_contract()]
    short = agreed.failures(limits)
    if short:
        short.append(_first_departure(net, precision, stacks[0].inputs))
    return Conversion(
        exported=exported,
        audit=audited,
        partitions=partitions,
        agreement=agreed,
        milliseconds=milliseconds,
        failures=(*broken, *short, *agreed.streaming_failures()),
    )


def _first_departure(net: export.Network, precision: Precision, inputs: Arrays) -> str:
    """A line that says which layer departs first from the training graph."""
    with quiet():
        found = divergence.departures(net, precision, inputs)
    first = divergence.first_departure(found)
    if first is None:
        return "no single layer departs by more than a step: errors of many add up"
    return (
        f"the first layer to depart is {first.layer} ({first.kind}, operator {first.index}): "
        f"{100 * first.share_beyond_1_lsb:.1f} % of it is over 1 LSB away"
    )


def training_graph(function: Any) -> verify.RealRun:
    """The ``infer`` function of a network as a function of arrays."""

    def run(inputs: Arrays) -> dict[str, Any]:
        tensors = {k: tf.constant(np.asarray(v, np.float32)) for k, v in inputs.items()}
        return {name: value.numpy() for name, value in function(**tensors).items()}

    return run


def latency_ms(data: bytes, inputs: Arrays, runs: int = TIMED_RUNS) -> float:
    """Median wall time of ``infer`` on one thread, after two warm-up runs."""
    session = Session(data, threads=1)
    stored = session.stored("infer", inputs)
    times = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        session.run("infer", stored)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[2:])
