"""What relative blur and settling along the picture are worth to an answer.

    python docs/what_finishing_is_worth.py MODEL.tflite rgbd:DIR

Prints mean metrics of each protocol, over the development set's scenes or, of a source that makes
them, over twelve that training never sees. The classical answer stands beside, without and with.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from edgedepth import optics
from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.inference import finish, run_stack
from edgedepth.capture.modelfile import read_model_file
from edgedepth.capture.refine import settle
from edgedepth.capture.runtimes import Runtime, choose
from edgedepth.data.sources import open_source
from edgedepth.evaluate import Answer, Contestant, classical, evaluate, model_file, unsettled
from edgedepth.protocols import DEV_RGBD, PROTOCOLS, rendered_cases
from edgedepth.stack import FocalStack

METRICS = ("mae_dioptres", "rmse", "absrel", "delta1")
SCENES = 12


def plain_model(path: Path) -> Contestant:
    """The model's answer, interpolated."""
    file = read_model_file(path)
    engine = Runtime(file.path, choose("auto"), 2)

    def predict(stack: FocalStack) -> Answer:
        height, width = stack.size
        dioptres = run_stack(stack, file, engine).dioptres
        large = cv2.resize(dioptres, (width, height), interpolation=cv2.INTER_LINEAR)
        return Answer(optics.dioptres_to_metres(np.maximum(large, 1e-3)).astype(np.float32))

    return Contestant(f"{path.stem}, interpolated", predict)


def settled_model(path: Path) -> Contestant:
    """The model's answer, settled without relative blur."""
    file = read_model_file(path)
    engine = Runtime(file.path, choose("auto"), 2)

    def predict(stack: FocalStack) -> Answer:
        raw = run_stack(stack, file, engine)
        dioptres = settle(raw.dioptres, raw.confidence, all_in_focus(stack))
        answer = replace(raw, dioptres=dioptres)
        return Answer(*finish(answer, stack.reference.rgb, stack.size, min_confidence=0.0)[:2])

    return Contestant(f"{path.stem}, settled", predict)


def main() -> None:
    """Score one model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("source")
    given = parser.parse_args()
    contestants = [
        Contestant("classical, not settled", unsettled),
        classical(),
        classical("classical, relative blur", relative_blur=True),
        plain_model(given.model),
        settled_model(given.model),
        model_file(given.model),
    ]
    source = open_source(given.source, include=DEV_RGBD)
    print("| protocol | | " + " | ".join(METRICS) + " |\n|---|---|" + "---|" * len(METRICS))
    for protocol in PROTOCOLS.values():
        result = evaluate(rendered_cases(protocol, source, SCENES), contestants)
        for contestant in contestants:
            row = result.rows[contestant.name]
            figures = " | ".join(f"{row[name]:.4f}" for name in METRICS)
            print(f"| `{protocol.name}` | {contestant.name} | {figures} |")


if __name__ == "__main__":
    main()
