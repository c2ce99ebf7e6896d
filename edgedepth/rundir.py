"""A run directory: configuration, checkpoint, weights and the log of metrics.

config.json          the TrainConfig
state.npz            latest checkpoint: variables, optimizer, phase, step
weights-float.npz    best-average weights after the float phase, batch norm in place
weights-qat.npz      the same after the quantization-aware phase
summary.json         validation rows of the finished run
metrics.jsonl        one record per logged step
tensorboard/         the same as scalars, and pictures
pool/                rendered stacks (may be deleted; they are rendered again)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from edgedepth.config import TrainConfig
from edgedepth.errors import UserError
from edgedepth.files import write_arrays, write_text


class RunDirectory:
    """Paths and atomic reads and writes of a run directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pool = path / "pool"
        self.tensorboard = path / "tensorboard"
        self._config = path / "config.json"
        self._state = path / "state.npz"
        self._metrics = path / "metrics.jsonl"
        self._summary = path / "summary.json"

    def create(self, config: TrainConfig) -> None:
        """Begin a run.

        Raises:
            UserError: the directory already holds one, or other files.
        """
        if self._config.exists():
            raise UserError(
                f"{self.path} already holds a run", "add --resume, or choose another --run-dir"
            )
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise UserError(f"{self.path} is not an empty folder", "choose another --run-dir")
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self._config, config.to_json())

    def config(self) -> TrainConfig:
        """The run's configuration.

        Raises:
            UserError: this is no run directory.
        """
        try:
            return TrainConfig.from_json(self._config.read_text(), str(self._config))
        except FileNotFoundError:
            raise UserError(
                f"{self.path} is not a run directory (no config.json)",
                "give the --run-dir of an `edgedepth train`",
            ) from None

    def save_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the checkpoint."""
        write_arrays(self._state, arrays)

    def load_state(self) -> dict[str, np.ndarray] | None:
        """The checkpoint, None before the first one."""
        return read_arrays(self._state) if self._state.exists() else None

    def weights_path(self, phase: str) -> Path:
        """File of the weights after a phase, ``float`` or ``qat``."""
        return self.path / f"weights-{phase}.npz"

    def load_weights(self, phase: str) -> dict[str, np.ndarray]:
        """Weights after a phase.

        Raises:
            UserError: the phase has not ended.
        """
        path = self.weights_path(phase)
        if not path.exists():
            raise UserError(
                f"{self.path} has no {path.name}: its {phase} phase has not ended",
                f"edgedepth train --resume --run-dir {self.path}",
            )
        return read_arrays(path)

    def log(self, record: Mapping[str, Any]) -> None:
        """Append a record to metrics.jsonl."""
        with self._metrics.open("a") as file:
            file.write(json.dumps(dict(record)) + "\n")

    def forget_after(self, step: int) -> None:
        """Drop the records of steps that a resumed run does again."""
        if not self._metrics.exists():
            return
        kept = []
        for line in self._metrics.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, KeyError):
                continue  # a line cut short by the kill
        write_text(self._metrics, "".join(kept))

    def records(self) -> list[dict[str, Any]]:
        """All records of metrics.jsonl."""
        if not self._metrics.exists():
            return []
        return [json.loads(line) for line in self._metrics.read_text().splitlines()]

    def save_summary(self, summary: Mapping[str, Any]) -> None:
        """Write the outcome of the finished run."""
        write_text(self._summary, json.dumps(summary, indent=1) + "\n")

    def summary(self) -> dict[str, Any]:
        """The outcome of a finished run, empty before."""
        if not self._summary.exists():
            return {}
        record: dict[str, Any] = json.loads(self._summary.read_text())
        return record


def training_hours(records: Sequence[Mapping[str, Any]]) -> list[float]:
    """Hours of training, waiting for data included, up to each record of a run.

    Records of a loss tell the pace of the steps since the one before; the others, of a
    validation, take no time.
    """
    hours, seconds, step = [], 0.0, 0
    for record in records:
        if "steps_per_s" in record:
            seconds += (record["step"] - step) / record["steps_per_s"]
            step = record["step"]
        hours.append(seconds / 3600)
    return hours


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an .npz.

    Raises:
        UserError: it is damaged.
    """
    try:
        with np.load(path) as record:
            return {name: record[name] for name in record.files}
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        raise UserError(f"{path} is damaged ({error})", "train again") from None
