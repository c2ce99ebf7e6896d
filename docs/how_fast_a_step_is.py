"""What XLA and bfloat16 are worth to a training step of the preset ``mobile``.

    python docs/how_fast_a_step_is.py
    python docs/how_fast_a_step_is.py --phase qat
    python docs/how_fast_a_step_is.py --forms bfloat16 --size 256 320 --stacks 3

Each form takes the trainer's own step from the shipped weights, on the same batches of procedural
stacks. Rounds alternate between the forms, so that what else the machine does strikes all of them;
times are compared within a round. The first step of a form, in which its graph is made, is not
among them. A form that fails is listed with its error.

bfloat16 is Keras' policy ``mixed_bfloat16`` (weights, batch norms' statistics and the loss stay in
float32), for the float phase alone: the other phase trains 8-bit grids that bfloat16 cannot hold.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

import numpy as np

from edgedepth.config import TrainConfig
from edgedepth.data.pool import BatchConfig, draw_stack, pack
from edgedepth.data.pool import batch_at as draw_batch
from edgedepth.distributed import make_team
from edgedepth.learn.adapt import starting_run
from edgedepth.models.backend import keras, tf
from edgedepth.models.fakequant import Mode
from edgedepth.models.network import FocalNetwork
from edgedepth.models.presets import make_network, preset_spec
from edgedepth.train import freeze_norms
from edgedepth.training_step import answers_of, make_optimizer, make_update, tensors

Fed = dict[str, Any]
FORMS = {"float": ("plain", "XLA", "bfloat16", "XLA, bfloat16"), "qat": ("plain", "XLA")}
RATE = 1e-4


@dataclass
class Form:
    """One way to take a step.

    Attributes:
        update: takes it; the loss.
        first_s: seconds of the first step.
        seconds: of a step, per round.
        losses: of every step.
        error: why it does not work, or "".
    """

    update: Callable[[list[Fed]], float] | None = None
    first_s: float = 0.0
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    error: str = ""

    def take(self, fed: list[Fed]) -> float:
        """Steps on each of the batches; seconds of one."""
        assert self.update is not None
        started = time.perf_counter()
        self.losses += [self.update([batch]) for batch in fed]
        return (time.perf_counter() - started) / len(fed)


@contextmanager
def half_precision(wanted: bool) -> Iterator[None]:
    """Layers made inside compute in bfloat16."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if wanted else "float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy("float32")


def in_float32(network: FocalNetwork) -> FocalNetwork:
    """The network with its answers in float32, in which the loss computes."""
    forward = network.forward

    def wide(*args: Any, **kwargs: Any) -> Fed:
        return {name: tf.cast(v, tf.float32) for name, v in forward(*args, **kwargs).items()}

    network.forward = wide  # type: ignore[method-assign]
    return network


def make_form(name: str, phase: str, config: TrainConfig) -> Form:
    """A form with a network and an optimizer of its own, both from the same start."""
    run, spec = starting_run(None), preset_spec(config.preset, config.height, config.width)
    with half_precision("bfloat16" in name):
        network = make_network(spec, Mode.QUANTIZED if phase == "qat" else Mode.FLOAT)
    network.load_weights(run.load_weights(phase))
    freeze_norms(network, True)
    teacher = None
    if phase == "qat":
        floating = make_network(spec, Mode.FLOAT)
        floating.load_weights(run.load_weights("float"))
        teacher = answers_of(floating)
    optimizer = make_optimizer(RATE, config.weight_decay)
    optimizer.build(network.trainable_variables)
    compiled = partial(tf.function, jit_compile=True) if "XLA" in name else tf.function
    with mock.patch.object(tf, "function", compiled):
        return Form(make_update(in_float32(network), optimizer, make_team(), config.loss, teacher))


def made_batches(config: TrainConfig, count: int, stacks: int, frames: int) -> list[Fed]:
    """Batches of procedural stacks."""
    spec, sources = preset_spec("mobile", config.height, config.width), config.pool.open_sources()
    made = {
        i: pack(draw_stack(config.pool, i, sources), spec, spec.height, spec.width)
        for i in range(config.pool_size)
    }
    drawn = BatchConfig((frames,), (1.0,), frames_per_batch=frames * stacks)
    return [
        tensors(draw_batch(step, drawn, config.pool, spec, made.__getitem__))
        for step in range(count)
    ]


def begin(name: str, phase: str, config: TrainConfig, fed: Fed) -> Form:
    """A form after its first step."""
    try:
        form = make_form(name, phase, config)
        form.first_s = form.take([fed])
    except Exception as error:  # any kind: what fails is what is asked
        return Form(error=f"{type(error).__name__}: {' '.join(str(error).split())[:120]}")
    return form


def row(name: str, form: Form, plain: Form) -> str:
    """A form beside the plain one, as Markdown."""
    if form.error:
        return f"| {name} | fails: {form.error} | | | | |"
    ratios = np.array(form.seconds) / np.array(plain.seconds)
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    off = np.abs(np.array(form.losses) - plain.losses) / np.abs(plain.losses)
    return (
        f"| {name} | {1000 * np.median(form.seconds):.0f} | {middle:.2f} ({low:.2f} to {high:.2f}) "
        f"| {form.first_s:.1f} | {form.losses[-1]:.4f} | {100 * off.max():.2g} % |"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--phase", choices=sorted(FORMS), default="float")
    parser.add_argument("--forms", nargs="+", metavar="FORM", help="but plain; default: all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=4, help="of each form in a round")
    parser.add_argument("--stacks", type=int, default=8, help="of a batch, 3 to 10")
    parser.add_argument("--frames", type=int, default=5, help="of a stack, 1 to 10")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 160), metavar=("H", "W"))
    given = parser.parse_args()
    names = ["plain", *(given.forms or FORMS[given.phase][1:])]
    if not set(names) <= set(FORMS[given.phase]):
        parser.error(f"--forms of phase {given.phase} are {FORMS[given.phase][1:]}")
    height, width = given.size
    config = TrainConfig(height=height, width=width, pool_start=16, pool_size=16, coarse_every=0)
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()  # as the trainer does

    fed = made_batches(config, 1 + given.rounds * given.steps, given.stacks, given.frames)
    forms = {name: begin(name, given.phase, config, fed[0]) for name in names}
    working = [form for form in forms.values() if not form.error]
    for index in range(given.rounds):
        part = fed[1 + index * given.steps :][: given.steps]
        for form in working if index % 2 else working[::-1]:
            form.seconds.append(form.take(part))

    batch = f"{given.stacks} stacks of {given.frames} frames, {width}x{height}"
    print(f"{given.phase} phase, {batch}, {given.rounds} rounds of {given.steps} steps\n")
    print("| | ms a step, median | times plain (quartiles) | first step, s | last loss | off by |")
    print("|---|---|---|---|---|---|")
    for name, form in forms.items():
        print(row(name, form, forms["plain"]))


if __name__ == "__main__":
    main()
