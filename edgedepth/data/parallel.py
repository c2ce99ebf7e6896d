"""The same work for many items, in several processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from edgedepth.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[tuple[Item, Result]]:
    """Do ``work`` for each item and yield it with its result, in the order of completion.

    Args:
        work: can be pickled; raises UserError for what the user can mend.
        items: what to work on.
        workers: processes; 1 works in this one.

    Raises:
        UserError: of the first item that failed; the others are given up.
    """
    if workers == 1 or len(items) < 2:
        for item in items:
            yield item, work(item)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(items)), context, _begin) as executor:
        futures = {executor.submit(work, item): item for item in items}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise UserError(
                "a worker process died", "is the memory full? try --workers 1"
            ) from None
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """One thread per process, and Ctrl-C is the parent's to handle."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
