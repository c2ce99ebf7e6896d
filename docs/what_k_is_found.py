"""How well the frames of a stack tell K, which relative blur needs and cameras misstate.

    python docs/what_k_is_found.py edgedepth/pretrained/edgedepth-mobile-int8.tflite rgbd:DIR
    python docs/what_k_is_found.py edgedepth/pretrained/edgedepth-mobile-int8.tflite procedural

Prints a row for each protocol over the development set's scenes, or over twelve made ones of
``procedural``, ``traced`` or ``pathtraced``: the found K over the true one, its median, least and
most, and the number of scenes whose frames do not tell it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edgedepth import album
from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.inference import run_stack, settled
from edgedepth.capture.modelfile import read_model_file
from edgedepth.capture.runtimes import Runtime, choose
from edgedepth.protocols import DEV_RGBD, PROTOCOLS, make_case

SCENES = 12


def main() -> None:
    """Ask the frames of one source."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("source")
    parser.add_argument("--cache", type=Path, help="folder that keeps traced pictures")
    given = parser.parse_args()
    file = read_model_file(given.model)
    engine = Runtime(file.path, choose("auto"), 2)
    print("| | scenes | median | least | most | not told |\n|---|---|---|---|---|---|")
    for protocol in PROTOCOLS.values():
        found = []
        made = album.development_stages(given.source, protocol, SCENES, given.cache, DEV_RGBD)
        for stage in made:
            stack = make_case(protocol, stage, stage.shoot(protocol)).stack
            raw = run_stack(stack, file, engine)
            found.append(settled(raw, stack, all_in_focus(stack), file.spec).coc_ratio)
        told = [ratio for ratio in found if ratio is not None]
        figures = (f"{f(told):.2f}" for f in (np.median, np.min, np.max)) if told else "---"
        cells = [f"`{protocol.name}`", len(found), *figures, len(found) - len(told)]
        print(f"| {' | '.join(str(cell) for cell in cells)} |")


if __name__ == "__main__":
    main()
