"""TensorFlow, Keras 2 and TFMOT, imported once and in the right order.

TFMOT refuses Keras 3, and TensorFlow chooses its Keras at first use, so the choice must
stand in the environment before TensorFlow is imported anywhere.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from edgedepth.errors import UserError
from edgedepth.quiet import quiet

try:
    with quiet():
        import tensorflow as tf
        import tensorflow_model_optimization as tfmot
        import tf_keras as keras
except ImportError as error:
    raise UserError(
        f"this needs TensorFlow, which is not installed ({error.name or error})",
        "pip install 'edgedepth[train]'",
    ) from None

tf.get_logger().setLevel("ERROR")
quantizers = tfmot.quantization.keras.quantizers

__all__ = ["keras", "quantizers", "tf"]
