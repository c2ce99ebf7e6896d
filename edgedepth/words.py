"""Words of messages that depend on a number."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A count with its noun, whose plural takes an s: ``1 frame``, ``5 frames``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
