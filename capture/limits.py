"""How many frames a model takes."""

from __future__ import annotations

from collections.abc import Sequence

from edgedepth.capture.modelfile import ModelFile
from edgedepth.errors import UserError


def check_frames(count: int, model: ModelFile, left_out: Sequence[str] = ()) -> None:
    """A model without streaming takes exactly its N frames.

    Args:
        count: frames that there are.
        left_out: names of frames that alignment rejected.

    Raises:
        UserError: it does not take this many.
    """
    wanted = model.spec.frames - (1 if model.spec.all_in_focus_first else 0)
    if count == wanted or model.spec.streaming:
        return
    more = count + (1 if model.spec.all_in_focus_first else 0)
    without = f" without {', '.join(left_out)}, which cannot be aligned" if left_out else ""
    raise UserError(
        f"{model.path.name} takes {wanted} frames, the sweep has {count}{without}",
        f"make a model for it with `edgedepth convert RUN_DIR --frames {more}` or --streaming",
    )
