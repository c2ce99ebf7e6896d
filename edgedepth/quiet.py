"""Silence for libraries that greet on stderr from C++, where Python's logging has no say."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what is written to stderr to nowhere; EDGEDEPTH_DEBUG=1 lets it through."""
    if os.environ.get("EDGEDEPTH_DEBUG"):
        yield
        return
    try:
        saved = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
