"""ModelSpec: what a model is, in the words that travel inside its file.

The same record configures a network in training, is written into the ``.tflite`` as JSON
and tells the capture side (Python, Java, browser) how to feed the file.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from edgedepth.errors import UserError

SCHEMA = "edgedepth-model/2"
METADATA_NAME = "edgedepth"
"""Name of the metadata entry in the flatbuffer that holds the JSON."""

MAX_FRAMES = 16
"""Most frames of an unrolled ``infer``. A streaming model combines any number."""

FIRST_FOCUS_STATE = "state_means"
"""State tensor that the first frame's encoded focus fills; the others start at 0."""

Precision = Literal["fp32", "fp16", "int8", "dynamic"]
FocusEncoding = Literal["sweep", "metres"]
Output = Literal["sweep", "metres"]


@dataclass(frozen=True)
class ModelSpec:
    """Everything needed to feed a model and to read its answer.

    Attributes:
        preset: ``"mobile"`` or ``"paper"``.
        height, width: size of the model's input and output in pixels.
        cue_planes: focus-cue planes beside the RGB (see :mod:`edgedepth.preprocess`).
        focus_encoding: ``"sweep"``: position in the sweep's own dioptre range;
            ``"metres"``: focus distance / 10 m, 0 for the all-in-focus frame.
        all_in_focus_first: the model expects a composite sharp image as frame 0.
        output: ``"sweep"``: position in the sweep's dioptre range, with confidence;
            ``"metres"``: depth in metres.
        precision: of the weights and the boundary; ``fp32`` in training.
        frames: N of the unrolled ``infer`` signature, 0 if the file has none.
        streaming: the file has ``encode_step`` and ``decode``, or is one of a pair that has.
        trained_dioptres, trained_coc: (low, high) ranges seen in training, scene dioptres
            and K in pixels per dioptre at the model's width.
        training: free-form summary: data recipe, steps, seed, command, licence.
    """

    preset: str
    height: int
    width: int
    cue_planes: int
    focus_encoding: FocusEncoding
    output: Output
    all_in_focus_first: bool = False
    precision: Precision = "fp32"
    frames: int = 0
    streaming: bool = False
    trained_dioptres: tuple[float, float] = (0.1, 6.0)
    trained_coc: tuple[float, float] = (0.25, 14.0)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        """Planes of one input frame: RGB, then the focus cues."""
        return 3 + self.cue_planes

    def to_json(self) -> str:
        """Serialise with the schema version, keys sorted."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, source: str = "model metadata") -> ModelSpec:
        """Read what :meth:`to_json` wrote.

        Raises:
            UserError: not JSON, another schema version, a missing or an unknown field, or a
                value of the wrong kind.
        """
        advice = "convert the model again with this version of edgedepth"
        try:
            record = json.loads(text)
        except ValueError as error:
            raise UserError(f"{source} is not valid JSON ({error})", advice) from None
        if not isinstance(record, dict) or record.pop("schema", None) != SCHEMA:
            raise UserError(f"{source} is not of schema {SCHEMA}", advice)
        try:
            for key in ("trained_dioptres", "trained_coc"):
                if key in record:
                    low, high = record[key]
                    record[key] = (float(low), float(high))
            spec = cls(**record)
            spec.check()
        except (TypeError, ValueError) as error:
            raise UserError(f"{source} has a bad field ({error})", advice) from None
        return spec

    def check(self) -> None:
        """Raise ValueError when a field is out of its domain."""
        choices = {
            "precision": get_args(Precision),
            "focus_encoding": get_args(FocusEncoding),
            "output": get_args(Output),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}")
        for name in ("height", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 16 <= value <= 4096:
                raise ValueError(f"{name} must be a whole number from 16 to 4096")
        if not isinstance(self.frames, int) or not 0 <= self.frames <= MAX_FRAMES:
            raise ValueError(f"frames must be a whole number from 0 to {MAX_FRAMES}")
        if not isinstance(self.cue_planes, int) or self.cue_planes < 0:
            raise ValueError("cue_planes must be a whole number")
