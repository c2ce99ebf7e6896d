"""A real run of any .tflite, on the CPU and on the GPU path, each in a process of its own.

The runtimes are C++ that trusts a file: a bad one can take the process down, and a GPU driver
can hang. So they run in a child with a time limit, and the parent reads what is left.

The GPU path is LiteRT's accelerator, which speaks Vulkan through WebGPU: a phone's or a desk's
GPU, or SwiftShader, the software driver that comes with Chromium.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.runtimes import Arrays, Tensor
from edgedepth.convert.running import Session

Status = Literal["ran", "refused", "crashed", "timeout", "no-driver"]

SOFTWARE_DRIVER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
"""SwiftShader where Debian's chromium-common puts it; used when no other driver is named."""

_DRIVER_FOLDERS = (Path("/usr/share/vulkan/icd.d"), Path("/etc/vulkan/icd.d"))
_ADAPTER = re.compile(r"Selected adapter: ([^,\n]+)")
_NOT_LOADED = re.compile(r"ERROR: \[model_load\.cc:\d+\] ([^\n]+?)\.?\n")
_SHADER_ERROR = re.compile(r"(Invalid ShaderModule|Error while (parsing|validating)[^\n]*)")
_UNSUPPORTED = re.compile(
    r"^\s*(?!INFO|WARNING|ERROR|VERBOSE)([A-Z][A-Z0-9_]+): (.+)$", re.MULTILINE
)


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        status: ``ran``, or what happened instead.
        outputs: ``signature/output`` -> raw values.
        message: the runtime's complaint, one line.
        adapter: name of the GPU that answered, ``""`` on the CPU.
        fully_accelerated: every operator was taken by the GPU.
        unsupported: operators the GPU refused, with its reasons.
    """

    status: Status
    outputs: Arrays = field(default_factory=dict)
    message: str = ""
    adapter: str = ""
    fully_accelerated: bool = False
    unsupported: tuple[str, ...] = ()

    def not_finite(self) -> list[str]:
        """Names of the outputs that hold NaN or infinity."""
        return [
            name
            for name, value in self.outputs.items()
            if value.dtype.kind == "f" and not np.isfinite(value).all()
        ]


def structured(tensor: Tensor, seed: int) -> NDArray[Any]:
    """An input as its tensor stores it: waves and a little noise in [0, 1]; plain integers,
    which may be indices, are 0."""
    if tensor.dtype.kind in "iu" and not tensor.quantized:
        return np.zeros(tensor.shape, tensor.dtype)
    rng = np.random.default_rng(seed)
    count = int(np.prod(tensor.shape))
    phase = np.arange(count) / max(1, count - 1)
    waves = 0.5 + 0.2 * np.sin(40 * phase + seed) + 0.2 * np.sin(np.sqrt(count) * 6 * phase)
    real = np.clip(waves + rng.normal(0, 0.05, count), 0, 1).reshape(tensor.shape)
    return real > 0.5 if tensor.dtype.kind == "b" else tensor.quantize(real)


def probe_inputs(data: bytes) -> Arrays:
    """``signature/input`` -> raw values for every signature of a file.

    Raises:
        UserError: the runtime refuses the file.
    """
    session = Session(data)
    return {
        f"{signature}/{name}": structured(tensor, seed)
        for signature in session.signatures
        for seed, (name, tensor) in enumerate(sorted(session.inputs(signature).items()))
    }


def run_cpu(path: Path, timeout_s: float = 120) -> tuple[Outcome, Arrays]:
    """Run every signature on the CPU; returns the inputs too, to run them elsewhere."""
    with tempfile.TemporaryDirectory(prefix="edgedepth-") as folder:
        outcome = _in_child("cpu", path, Path(folder), timeout_s, dict(os.environ))
        feeds = Path(folder) / "in.npz"
        return outcome, _load(feeds) if feeds.exists() else {}


def run_gpu(path: Path, inputs: Arrays, timeout_s: float = 180) -> Outcome:
    """Run every signature on LiteRT's GPU path with given raw inputs."""
    with tempfile.TemporaryDirectory(prefix="edgedepth-") as folder:
        np.savez(Path(folder) / "in.npz", **inputs)  # type: ignore[arg-type]
        return _in_child("gpu", path, Path(folder), timeout_s, driver_environment())


def driver_environment() -> dict[str, str]:
    """The environment for the GPU child: the user's drivers, else SwiftShader if it is there."""
    environment = dict(os.environ)
    named = "VK_DRIVER_FILES" in environment or "VK_ICD_FILENAMES" in environment
    installed = any(any(folder.glob("*.json")) for folder in _DRIVER_FOLDERS if folder.is_dir())
    if not named and not installed and SOFTWARE_DRIVER.exists():
        environment["VK_DRIVER_FILES"] = str(SOFTWARE_DRIVER)
        # Chromium brings a Vulkan loader too; the system's own comes first if there is one.
        paths = [environment.get("LD_LIBRARY_PATH", ""), str(SOFTWARE_DRIVER.parent)]
        environment["LD_LIBRARY_PATH"] = ":".join(p for p in paths if p)
    return environment


def _in_child(
    where: str, path: Path, folder: Path, timeout_s: float, environment: dict[str, str]
) -> Outcome:
    command = [sys.executable, "-m", "edgedepth.convert.probe", where, str(path), str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=timeout_s, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome("timeout", message=f"no answer within {timeout_s:.0f} s")
    log = done.stderr.decode("utf-8", "replace")
    adapter = _ADAPTER.search(log)
    name = adapter.group(1).strip() if adapter else ""
    not_loaded = _NOT_LOADED.search(log)
    if where == "gpu" and not name and not_loaded:
        return Outcome("refused", message=f"it does not load the file: {not_loaded.group(1)}")
    if where == "gpu" and not name:
        return Outcome("no-driver", message="no Vulkan driver answered")
    unsupported = tuple(f"{k}: {why}" for k, why in dict(_UNSUPPORTED.findall(log)).items())
    shader = _SHADER_ERROR.search(log)
    report_file = folder / "report.json"
    if not report_file.exists():
        signal = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
        return Outcome(
            "crashed", message=f"the runtime died ({signal})", adapter=name, unsupported=unsupported
        )
    report = json.loads(report_file.read_text())
    if report["status"] == "ran" and where == "gpu" and shader:
        report = {**report, "status": "refused", "message": f"a shader failed: {shader.group(1)}"}
    if report["status"] == "refused" and unsupported:
        report["message"] = "the GPU does not take every operator"
    outputs = folder / "out.npz"
    return Outcome(
        status=report["status"],
        outputs=_load(outputs) if outputs.exists() else {},
        message=report["message"],
        adapter=name,
        fully_accelerated=report["fully_accelerated"],
        unsupported=unsupported,
    )


def _load(path: Path) -> Arrays:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def largest_relative_difference(a: NDArray[Any], b: NDArray[Any]) -> float:
    """max |a - b| over the range of ``b`` (at least 1e-6); infinite where either is not finite."""
    x, y = a.astype(np.float64).reshape(-1), b.astype(np.float64).reshape(-1)
    if x.shape != y.shape or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("inf")
    reach = max(float(np.abs(y).max(initial=0)), 1e-6)
    return float(np.abs(x - y).max(initial=0)) / reach


def _child_cpu(path: Path, folder: Path) -> dict[str, Any]:
    data = path.read_bytes()
    inputs = probe_inputs(data)
    np.savez(folder / "in.npz", **inputs)  # type: ignore[arg-type]
    session = Session(data)
    outputs = {}
    for signature in session.signatures:
        given = {name: inputs[f"{signature}/{name}"] for name in session.inputs(signature)}
        for name, value in session.run(signature, given).items():
            outputs[f"{signature}/{name}"] = value
    np.savez(folder / "out.npz", **outputs)  # type: ignore[arg-type]
    return {"fully_accelerated": False}


def _child_gpu(path: Path, folder: Path) -> dict[str, Any]:
    from ai_edge_litert.compiled_model import CompiledModel, HardwareAccelerator

    inputs = _load(folder / "in.npz")
    model = CompiledModel.from_file(str(path), hardware_accel=HardwareAccelerator.GPU)
    outputs = {}
    for key in model.get_signature_list():
        feeds = {}
        for name in model.get_input_tensor_details(key):
            feeds[name] = model.create_input_buffer_by_name(key, name)
            value = inputs.get(f"{key}/{name}")
            if value is None:  # a file without signatures: the runtime makes up a key
                value = next(v for k, v in inputs.items() if k.endswith(f"/{name}"))
            feeds[name].write(np.ascontiguousarray(value))
        details = model.get_output_tensor_details(key)
        results = {name: model.create_output_buffer_by_name(key, name) for name in details}
        model.run_by_name(key, feeds, results)
        for name, detail in details.items():
            count = int(np.prod(detail["shape"]))
            raw = results[name].read(count, np.dtype(detail["dtype"]).type)
            outputs[f"{key}/{name}"] = np.asarray(raw).reshape(detail["shape"])
    np.savez(folder / "out.npz", **outputs)  # type: ignore[arg-type]
    return {"fully_accelerated": bool(model.is_fully_accelerated())}


def _child(where: str, path: Path, folder: Path) -> None:
    """Entry point of the child process: run and leave ``report.json`` behind."""
    report: dict[str, Any] = {"status": "ran", "message": "", "fully_accelerated": False}
    try:
        report |= (_child_cpu if where == "cpu" else _child_gpu)(path, folder)
    except Exception as error:  # whatever the runtime raises is the finding
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        report |= {"status": "refused", "message": line[:200]}
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
