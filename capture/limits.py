"""How many frames a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgedepth.capture.modelfile import ModelFile
from edgedepth.capture.sweep import Sweep
from edgedepth.errors import UserError
from edgedepth.spec import MAX_FRAMES


def limit_frames(sweep: Sweep, model: ModelFile) -> tuple[Sweep, list[str]]:
    """Keep at most as many frames as a streaming model combines, evenly over the focus range.

    The first frame always stays: it is the reference.
    """
    most = MAX_FRAMES
    if len(sweep) <= most or not model.spec.streaming:
        return sweep, []
    focus = sweep.focus_dioptres if sweep.calibrated else range(len(sweep))
    order = np.argsort(focus, kind="stable")
    picks = {int(order[i]) for i in np.rint(np.linspace(0, len(order) - 1, most)).astype(int)}
    if 0 not in picks:
        first_rank = int(np.flatnonzero(order == 0)[0])
        nearest = min(picks, key=lambda p: abs(int(np.flatnonzero(order == p)[0]) - first_rank))
        picks = (picks - {nearest}) | {0}
    frames = tuple(f for i, f in enumerate(sweep.frames) if i in picks)
    note = f"{len(sweep)} frames are more than the {most} a model combines: {most} were chosen"
    return replace(sweep, frames=frames), [note]


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
