"""Folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedepth.errors import UserError


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
    partial = target.absolute().with_name(f".{target.absolute().name}.part-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        yield partial
        if target.exists():
            target.rmdir()
        partial.replace(target)
    except OSError as error:
        raise UserError(f"{target} cannot be written ({error.strerror or error})", advice) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
