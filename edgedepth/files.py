"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edgedepth.errors import UserError


def _beside(target: Path) -> Path:
    """Where ``target`` is while it is not whole."""
    target = target.absolute()
    return target.with_name(f".{target.name}.part-{os.getpid()}")


@contextmanager
def _telling(target: Path, advice: str) -> Iterator[None]:
    """Say in words that ``target`` cannot be written; without advice the OSError passes."""
    try:
        yield
    except OSError as error:
        if not advice:
            raise
        raise not_written(target, error, advice) from None


def not_written(target: Path, error: OSError, advice: str) -> UserError:
    """The words for ``target`` that cannot be written; a full disk can be emptied, too.

    Args:
        advice: how to choose another place.
    """
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return UserError(
        f"{target} cannot be written ({error.strerror or error})",
        f"free some space or {advice}" if full else advice,
    )


@contextmanager
def whole_file(path: Path, advice: str = "") -> Iterator[Path]:
    """A file beside ``path`` that replaces it if all goes well and vanishes otherwise.

    Args:
        advice: how to choose another place.

    Raises:
        UserError: it cannot be written, where advice is given.
        OSError: it cannot be written.
    """
    partial = _beside(path)
    with _telling(path, advice):
        partial.touch()
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, advice: str = "") -> None:
    """Write a file; see :func:`whole_file`."""
    with whole_file(path, advice) as partial:
        partial.write_bytes(data)


def write_text(path: Path, text: str, advice: str = "") -> None:
    """Write a file in UTF-8; see :func:`whole_file`."""
    write_bytes(path, text.encode(), advice)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an .npz; see :func:`whole_file`."""
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


@contextmanager
def new_folder(target: Path, advice: str = "give another -o") -> Iterator[Path]:
    """A folder that becomes ``target`` if all goes well and vanishes otherwise.

    Args:
        advice: how to choose another place.

    Raises:
        UserError: the target holds something, or cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} exists and is not empty", f"{advice}, or remove it first")
    partial = _beside(target)
    with _telling(target, advice):
        try:
            partial.mkdir(parents=True)
            yield partial
            if target.exists():
                target.rmdir()
            partial.replace(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
