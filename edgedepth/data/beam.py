"""``edgedepth synth --beam``: the shards of a job as an Apache Beam pipeline.

Each shard is one element. Workers of any runner write it whole or not at all, so Beam may try
it again; the folder must be one that all workers see.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from edgedepth.data.records import StackJob, write_shard
from edgedepth.errors import UserError


def run_pipeline(job: StackJob, folder: Path, shards: Sequence[int], options: str) -> None:
    """Render ``shards`` with the runner that ``options`` names, and wait for it.

    Args:
        job: what to render.
        folder: where, seen by all workers.
        shards: numbers of the shards.
        options: Beam pipeline options, e.g. ``--runner=DirectRunner``.

    Raises:
        UserError: Beam is missing, its options are wrong, or a shard cannot be rendered.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise UserError("--beam needs Apache Beam", "pip install 'edgedepth[beam]'") from None
    try:
        flags = PipelineOptions(shlex.split(options))
        with beam.Pipeline(options=flags) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(list(shards))
                | "Spread" >> beam.Reshuffle()
                | "Render" >> beam.Map(partial(_render, job, str(folder.absolute())))
            )
    except UserError:
        raise
    except Exception as error:  # a runner raises what it likes
        reason = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        raise UserError(
            f"the Beam job failed ({reason.strip()[:200]})",
            "mend it and run again with --resume; finished shards are kept",
        ) from None


def _render(job: StackJob, folder: str, shard: int) -> int:
    return len(write_shard(job, Path(folder), shard).names)
