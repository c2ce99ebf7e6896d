"""The documented negative example: a run of preset ``paper`` exported as plain Keras layers.

``edgedepth check`` refuses the file and names the layers and what to change; ``edgedepth convert``
without ``--faithful`` makes those changes. Needs the ``train`` extra (TensorFlow).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from edgedepth.convert import export
from edgedepth.convert.pipeline import Options, check_options
from edgedepth.errors import UserError
from edgedepth.models.backend import tf
from edgedepth.models.checkpoint import load_run
from edgedepth.models.faithful import faithful
from edgedepth.models.paper import PaperNetwork
from edgedepth.quiet import quiet
from edgedepth.spec import Precision

DEFAULT_FRAMES = 6


def load_faithful(run_dir: Path, options: Options) -> Any:
    """The Keras model of a run.

    Raises:
        UserError: another preset, no weights, an impossible size.
    """
    check_options(options)
    net = load_run(
        run_dir,
        quantized=False,
        height=options.height,
        width=options.width,
        frames=options.frames or DEFAULT_FRAMES,
        streaming=False,
    )
    if not isinstance(net, PaperNetwork):
        raise UserError(
            f"--faithful is for preset paper; {run_dir} is of preset {net.spec.preset}",
            "leave --faithful out",
        )
    return faithful(net)


def convert_faithful(model: Any, precision: Precision) -> bytes:
    """TensorFlow's converter on the Keras model, without our passes and metadata.

    Raises:
        UserError: int8, which nothing can train for; or the converter refuses.
    """
    if precision == "int8":
        raise UserError(
            "--faithful cannot be int8: quantization-aware training refuses LSTM and "
            "LayerNormalization",
            "give --precision fp32, fp16 or dynamic",
        )
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    export.set_precision(converter, precision)
    with export.explained(tempfile.gettempdir()), quiet():
        data: bytes = converter.convert()
    return data
