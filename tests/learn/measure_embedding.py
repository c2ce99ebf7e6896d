"""Does the focal stack help an embedding? Probes of what belongs together, for three encoders.

python -m tests.learn.measure_embedding [SOURCE] [--scenes N] [--model FILE.tflite]
    [--single FILE.tflite]

The same network with the same weights given the whole stack, or one frame with everything in
focus; and with random weights, given the stack. ``--single`` adds a network of the same size that
was trained on single pictures (tests.learn.train_single_image). Features are frozen; a linear
probe and a head of 32 units learn on three quarters of the scenes, figures are of the rest. 50 %
is chance.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.modelfile import read_model_file
from edgedepth.capture.runtimes import Runtime, choose
from edgedepth.convert import flatbuffer
from edgedepth.data.sources import open_source
from edgedepth.learn.embed import ANSWERS, Features, extract
from edgedepth.learn.probe import Head, Pairs, area_under_curve, joined, sample_pairs
from edgedepth.protocols import PROTOCOLS, make_case, rendered_stages
from edgedepth.stack import FocalStack, Frame
from tests.conftest import ROOT

CONV, DEPTHWISE, DENSE = 3, 4, 9
"""Operators with weights, as TFLite numbers them."""

PAIRS = 400
HIDDEN = 32
TRAIN_SHARE = 0.75
MODEL = ROOT / "edgedepth" / "pretrained" / "edgedepth-mobile-fp32.tflite"


def randomised(data: bytes, seed: int) -> bytes:
    """A float .tflite with He-normal weights and zero biases in place of its own."""
    model = flatbuffer.parse(data)
    rng = np.random.default_rng(seed)
    done: set[int] = set()
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex].builtinCode
            if code not in (CONV, DEPTHWISE, DENSE):
                continue
            for place, index in enumerate(operator.inputs[1:]):
                tensor = graph.tensors[index] if index >= 0 else None
                held = None if tensor is None else flatbuffer.constant(model, tensor)
                if held is None or tensor.buffer in done or held.dtype != np.float32:
                    continue
                done.add(tensor.buffer)
                fan_in = held.size / (1 if code == DEPTHWISE else held.shape[0])
                fan_in /= held.shape[-1] if code == DEPTHWISE else 1
                spread = 0.0 if place else (2 / fan_in) ** 0.5
                value = rng.normal(0, 1, held.shape).astype(np.float32) * np.float32(spread)
                model.buffers[tensor.buffer].data = value.reshape(-1).view(np.uint8)
    assert done, "the file holds no float weights"
    return flatbuffer.pack(model)


@dataclass(frozen=True)
class Encoder:
    """A network and what it is shown."""

    name: str
    path: Path
    single: bool = False

    def features(self, stack: FocalStack, sharp: NDArray[np.uint8]) -> Features:
        """Of a stack, or of its sharp picture alone, focused in the middle."""
        file = read_model_file(self.path)
        engine = Runtime(self.path, choose("auto"))
        if self.single:
            middle = float(np.median(stack.focus_dioptres))
            stack = replace(stack, frames=(Frame(sharp, middle),))
        return extract(stack, file, engine)


def learnt(features: Features) -> dict[int, NDArray[np.float32]]:
    """The maps without what already is an answer."""
    answers = {a.removeprefix("state_") for a in ANSWERS}
    return {
        stride: np.concatenate(
            [plane[..., p.start : p.stop] for p in features.parts[stride] if p.name not in answers],
            axis=-1,
        )
        for stride, plane in features.maps.items()
    }


def score(train: Pairs, test: Pairs, hidden: int) -> float:
    """Area under the curve of a head."""
    head = Head(train.difference.shape[1], hidden).fit(train)
    return area_under_curve(head.logits(test.difference), test.same)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", default="procedural")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--single", type=Path, help="fp32 file of a network for one picture")
    given = parser.parse_args()
    protocol = PROTOCOLS["phone"]
    with tempfile.TemporaryDirectory() as folder:
        random = Path(folder) / "random.tflite"
        random.write_bytes(randomised(given.model.read_bytes(), 0))
        encoders = [
            Encoder("focal stack, trained", given.model),
            Encoder("one sharp picture, trained", given.model, single=True),
            Encoder("focal stack, random weights", random),
            Encoder("one sharp picture, random weights", random, single=True),
        ]
        if given.single:
            encoders.append(Encoder("one sharp picture, trained for it", given.single, single=True))
        found: dict[str, list[Pairs]] = {e.name: [] for e in encoders}
        every: dict[str, list[Pairs]] = {e.name: [] for e in encoders[:1]}
        for stage in rendered_stages(protocol, open_source(given.source), given.scenes):
            labels = stage.scene.labels
            assert labels is not None, f"{given.source} has no labels"
            case = make_case(protocol, stage, stage.shoot(protocol))
            sharp = np.rint(stage.scene.rgb * 255).astype(np.uint8)
            for encoder in encoders:
                features = encoder.features(case.stack, sharp)
                rng = np.random.default_rng(stage.index)
                found[encoder.name].append(sample_pairs(learnt(features), labels, PAIRS, rng))
                if encoder.name in every:
                    rng = np.random.default_rng(stage.index)
                    every[encoder.name].append(sample_pairs(features.maps, labels, PAIRS, rng))
            print(case.name, flush=True)
    rows = {**found, **{f"{name}, with its depth": pairs for name, pairs in every.items()}}
    print(f"\n{'encoder':<40} {'linear':>7} {'head':>7}")
    for name, pairs in rows.items():
        cut = round(TRAIN_SHARE * len(pairs))
        train, test = joined(pairs[:cut]), joined(pairs[cut:])
        linear, head = (100 * score(train, test, hidden) for hidden in (0, HIDDEN))
        print(f"{name:<40} {linear:>7.1f} {head:>7.1f}")


if __name__ == "__main__":
    main()
