"""Train an encoder on single pictures, for the table of measure_embedding.

python -m tests.learn.train_single_image RUN_DIR [--like RUN_DIR] [--pool DIR] [--steps N]
edgedepth convert RUN_DIR --precision fp32 -o single.tflite
python -m tests.learn.measure_embedding --single single.tflite

Network, loss and data are those of `edgedepth train`; every stack of a batch is one random frame
of its focal stack, at the focus it was taken at. ``--like`` and ``--pool`` take the recipe and
the rendered stacks of an earlier run.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from edgedepth.config import TrainConfig
from edgedepth.data.pool import BatchConfig
from edgedepth.rundir import RunDirectory
from edgedepth.train import train

ALONE = BatchConfig(frame_counts=(1,), frame_weights=(1.0,))


def main() -> None:
    """Train; a short phase with fake quantisation ends it, as in every run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--like", type=Path)
    parser.add_argument("--pool", type=Path)
    parser.add_argument("--stacks", type=int, default=2000, help="in the pool")
    parser.add_argument("--steps", type=int, default=1500)
    given = parser.parse_args()
    usual = RunDirectory(given.like).config() if given.like else TrainConfig()
    config = replace(
        usual,
        batch=ALONE,
        start_from="",
        pool_start=given.stacks,
        pool_size=given.stacks,
        float_steps=given.steps,
        qat_steps=1,
        learning_rate=TrainConfig.learning_rate,
        frozen_share=TrainConfig.frozen_share,
        validate_every=given.steps,
        shares=1,
    )
    train(config, given.run_dir, pool_dir=given.pool)


if __name__ == "__main__":
    main()
