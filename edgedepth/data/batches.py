"""The batches of a run in order, read ahead while the trainer works."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields

import numpy as np

from edgedepth.data.pool import Batch, BatchConfig, Pool, batch_at
from edgedepth.spec import ModelSpec

READ_AHEAD = 3
"""Batches that are read while the trainer works."""


def joined(parts: Sequence[Batch]) -> Batch:
    """Batches of one size and frame count as one."""
    if len(parts) == 1:
        return parts[0]
    return Batch(*(np.concatenate([getattr(b, f.name) for b in parts]) for f in fields(Batch)))


def batches(
    first_step: int, config: BatchConfig, pool: Pool, spec: ModelSpec, last_step: int
) -> Iterator[list[Batch]]:
    """For each step from ``first_step`` up to ``last_step`` a batch per replica, read ahead."""
    shares = pool.shares

    def load(step: int) -> list[Batch]:
        return [
            joined(
                [
                    batch_at(step, config, pool.config, spec, pool.stack, i, shares.total)
                    for i in own
                ]
            )
            for own in shares.replicas
        ]

    with ThreadPoolExecutor(1) as reader:
        ahead: deque[Future[list[Batch]]] = deque()
        following = first_step
        for _ in range(first_step, last_step):
            while following < last_step and len(ahead) <= READ_AHEAD:
                ahead.append(reader.submit(load, following))
                following += 1
            started = time.monotonic()
            found = ahead.popleft().result()
            pool.waited_s += time.monotonic() - started
            yield found
