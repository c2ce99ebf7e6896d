"""A sweep as the page shows it: aligned pictures, and each model ready to run on it.

Reading, aligning and cue planes happen here, in Python; the page runs the model and all that
comes after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgedepth.capture.inference import DepthResult, infer_depth, prepare, run_stack
from edgedepth.capture.modelfile import ModelFile, default_model_path, read_model_file
from edgedepth.capture.runtimes import Runtime
from edgedepth.capture.sweep import Sweep
from edgedepth.capture.viewer import scene_pictures, scene_record
from edgedepth.errors import UserError
from edgedepth.serve.edges import float_edges
from edgedepth.serve.plan import make_plan
from edgedepth.serve.resources import Resources

ACCELERATORS = {
    "int8": ("wasm",),
    "dynamic": ("wasm",),
    "fp16": ("webgpu", "wasm"),
    "fp32": ("webgpu", "wasm"),
}
"""Precision -> where LiteRT.js runs such a file. On WebGPU int8 is refused or wrong."""


def models_for_the_page(paths: Sequence[Path]) -> list[ModelFile]:
    """The given models, or the shipped int8 file for wasm and the fp16 one for WebGPU.

    Raises:
        UserError: a file is no edgedepth model, or they differ in size.
    """
    if not paths:
        default = default_model_path()
        shipped = [read_model_file(p) for p in sorted(default.parent.glob("*.tflite"))]
        return [read_model_file(), *(m for m in shipped if m.spec.precision == "fp16")][:2]
    models = [read_model_file(path) for path in paths]
    sizes = {(m.spec.height, m.spec.width) for m in models}
    if len(sizes) > 1:
        raise UserError("the models differ in size", "serve one size at a time")
    return models


def build_scene(
    sweep: Sweep, models: Sequence[ModelFile], threads: int, resources: Resources
) -> tuple[dict[str, Any], DepthResult]:
    """Prepare a sweep for the page.

    Args:
        sweep: from :func:`edgedepth.capture.read_sweep`.
        models: of one size; the first one's result sets the scale of the colours.
        threads: CPU threads.
        resources: takes the pictures, models and inputs.

    Returns:
        The scene's record, and Python's own result with the first model.

    Raises:
        UserError: the sweep does not fit a model.
    """
    result = infer_depth(sweep, models[0], runtime="litert", threads=threads)
    record = {
        "name": sweep.folder.name,
        "warnings": list(result.warnings),
        **scene_record(result),
        "pictures": [resources.add(data, "jpg") for data in scene_pictures(result)],
        "min_confidence": result.min_confidence,
        "runs": [run for model in models for run in _runs(model, result, threads, resources)],
    }
    return record, result


def _runs(
    model: ModelFile, result: DepthResult, threads: int, resources: Resources
) -> list[dict[str, Any]]:
    """One record per accelerator that takes the model."""
    stack, sharp, spec = result.registered.stack, result.all_in_focus, model.spec
    engine = Runtime(model.path, "litert", threads)
    raw = result.raw if model == result.model else run_stack(stack, model, engine, sharp)
    inputs = prepare(stack, spec, sharp)
    fit = inputs.fit
    record = {
        "file": model.path.name,
        "precision": spec.precision,
        "model": resources.add(float_edges(model.path.read_bytes(), str(model.path)), "tflite"),
        **make_plan(engine, inputs, raw, resources),
        "output": spec.output,
        "sweep": {"low": inputs.sweep.low, "span": inputs.sweep.span},
        "grid": list(fit.model),
        "content": list(fit.content),
        "offset": list(fit.offset),
        "turned": fit.turned,
        "expected": resources.add(np.ascontiguousarray(raw.dioptres, "<f4").tobytes(), "bin"),
    }
    return [{"accelerator": name, **record} for name in ACCELERATORS[spec.precision]]
