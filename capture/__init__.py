"""Read real sweeps, align them, run a model on them, write the results.

Everything that ``edgedepth infer`` and ``edgedepth inspect`` do::

    from edgedepth.capture import infer_depth, read_sweep

    sweep = read_sweep("my_sweep")           # headers: focus distances, camera
    result = infer_depth(sweep)              # aligns, runs the shipped model
    result.depth_m                           # float32 (H, W) metres, NaN where unknown

``docs/capture.md`` goes through the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgedepth.capture.cloud import write_ply
    from edgedepth.capture.inference import DepthResult, infer_depth
    from edgedepth.capture.inspection import Inspection, inspect_sweep
    from edgedepth.capture.modelfile import ModelFile, default_model_path, read_model_file
    from edgedepth.capture.outputs import write_result
    from edgedepth.capture.profile import apply_profile, read_profile
    from edgedepth.capture.register import RegisteredSweep, register_sweep
    from edgedepth.capture.sweep import Sweep, SweepFrame, read_sweep
    from edgedepth.capture.viewer import write_viewer

_HOME = {
    "DepthResult": "inference",
    "Inspection": "inspection",
    "ModelFile": "modelfile",
    "RegisteredSweep": "register",
    "Sweep": "sweep",
    "SweepFrame": "sweep",
    "apply_profile": "profile",
    "default_model_path": "modelfile",
    "infer_depth": "inference",
    "inspect_sweep": "inspection",
    "read_model_file": "modelfile",
    "read_profile": "profile",
    "read_sweep": "sweep",
    "register_sweep": "register",
    "write_ply": "cloud",
    "write_result": "outputs",
    "write_viewer": "viewer",
}
__all__ = [
    "DepthResult",
    "Inspection",
    "ModelFile",
    "RegisteredSweep",
    "Sweep",
    "SweepFrame",
    "apply_profile",
    "default_model_path",
    "infer_depth",
    "inspect_sweep",
    "read_model_file",
    "read_profile",
    "read_sweep",
    "register_sweep",
    "write_ply",
    "write_result",
    "write_viewer",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that importing the package is cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
