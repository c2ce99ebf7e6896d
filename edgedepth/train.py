"""The trainer, top to bottom: a float phase, batch-norm folding, quantization-aware training.

Everything random is a function of the seed and the step, and a checkpoint holds everything
else, so a run that is killed and resumed ends where an undisturbed one does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from edgedepth.config import TrainConfig
from edgedepth.data.batches import batches
from edgedepth.data.pool import Batch, Pool
from edgedepth.distributed import Team, make_team, watching_peers
from edgedepth.errors import UserError
from edgedepth.files import write_arrays
from edgedepth.losses import towards_classical
from edgedepth.models.backend import keras, tf
from edgedepth.models.fakequant import Mode
from edgedepth.models.network import FocalNetwork
from edgedepth.models.presets import make_network, preset_spec
from edgedepth.rundir import RunDirectory
from edgedepth.spec import ModelSpec
from edgedepth.training_step import (
    Teacher,
    answers_of,
    evaluate,
    learning_rate,
    make_optimizer,
    make_update,
    tensors,
)
from edgedepth.validation import (
    FRAMES,
    Row,
    ValidationStack,
    baseline_rows,
    network_depth,
    score,
    table,
    validation_stacks,
)

CALIBRATION_BATCHES = 8
LOG_EVERY = 20

Say = Callable[[str], None]


class StoppedError(Exception):
    """The user stopped the run; what was done is saved."""


def train(
    config: TrainConfig,
    run_dir: Path,
    *,
    resume: bool = False,
    workers: int = 1,
    pool_dir: Path | None = None,
    say: Say = print,
) -> dict[str, Row]:
    """Train a network in a run directory.

    Args:
        config: ignored when resuming, the run's own counts.
        workers: processes that render stacks.
        pool_dir: folder of rendered stacks to share between runs of one data recipe.
        say: where to print.

    Returns:
        validation rows by name.

    Raises:
        UserError: a bad source, directory or configuration.
        StoppedError: interrupted; resume continues.
    """
    team = make_team()
    if not team.chief:
        say = _silent
    run = RunDirectory(run_dir)
    if resume:
        config = run.config()
    elif config.shares < team.replicas:
        config = replace(config, shares=team.replicas)
    spec = preset_spec(config.preset, config.height, config.width)
    if config.coarse_every and (config.height % 32 or config.width % 32):
        raise UserError(
            f"{config.width}x{config.height} cannot be halved for the coarse stacks",
            "train at a --size that is a multiple of 32, e.g. 160x128",
        )
    config.pool.open_sources()
    if not resume and team.chief:
        run.create(config)
    try:
        return _stages(run, config, spec, team, pool_dir or run.pool, workers, say)
    except KeyboardInterrupt:
        raise StoppedError("stopped; rendered stacks and finished phases are kept") from None


def _stages(
    run: RunDirectory,
    config: TrainConfig,
    spec: ModelSpec,
    team: Team,
    pool_dir: Path,
    workers: int,
    say: Say,
) -> dict[str, Row]:
    """Render, train in float, fold, train quantization-aware; see :func:`train`."""
    shares = team.shares(config.shares)
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()

    say(f"rendering {config.validation_stacks} validation stacks")
    held_out = validation_stacks(config, spec)
    with Pool(config.pool, spec, pool_dir, workers, shares) as pool:
        rows = baseline_rows(held_out, _mean_dioptres(pool))
        trainer = Trainer(run, config, spec, pool, held_out, say, team)
        with watching_peers():
            floating, teacher = trainer.network(Mode.FLOAT), None
            if config.start_from and not run.weights_path("float").exists():
                earlier = RunDirectory(Path(config.start_from))
                path = earlier.weights_path("float")
                floating.load_weights(earlier.load_weights("float"), path)
                if config.towards_classical:
                    teacher = trainer.classical_teacher(floating)
            quantized = trainer.earlier_8_bits()  # before hours of training, not after
            trainer.fit("float", floating, 0, config.float_steps, config.learning_rate, teacher)
            rows["float"] = trainer.validate(floating)

            if quantized is None:
                quantized = trainer.network(Mode.QUANTIZED)
                quantized.copy_folded(floating)
            end = config.float_steps + config.qat_steps
            teacher = answers_of(floating) if spec.output == "sweep" else None
            rate = config.qat_learning_rate
            trainer.fit("qat", quantized, config.float_steps, end, rate, teacher)
            rows["qat"] = trainer.validate(quantized)
    summary = {"rows": rows, "stacks": len(held_out), "steps": end}
    if team.chief:
        run.save_summary({**summary, "waiting_share": trainer.waiting_share()})
    seen = "single images" if config.single_image else f"N={FRAMES}"
    size = f"{spec.width}x{spec.height}"
    say(table(rows, f"validation: {len(held_out)} held-out stacks, {size}, {seen}"))
    say(f"the trainer waited for data {trainer.waiting_share():.1%} of the time")
    return rows


def _silent(_text: str) -> None:
    """What workers beside the first one say."""


def _mean_dioptres(pool: Pool) -> float:
    """Mean inverse depth of the first training stacks."""
    stacks = [pool.stack(i) for i in pool.shares.stacks(pool.config, min(64, pool.config.start))]
    return float(np.mean([s.inverse_depth[s.valid].mean() for s in stacks if s.valid.any()]))


class Trainer:
    """Fits one network after another within a run: loop, checkpoints, logs."""

    def __init__(
        self,
        run: RunDirectory,
        config: TrainConfig,
        spec: ModelSpec,
        pool: Pool,
        held_out: list[ValidationStack],
        say: Say,
        team: Team,
    ) -> None:
        self.run, self.config, self.spec = run, config, spec
        self.pool, self.held_out, self.say, self.team = pool, held_out, say, team
        self.stepped_s = 0.0
        chief = tf.summary.create_file_writer
        self.writer = chief(str(run.tensorboard)) if team.chief else tf.summary.create_noop_writer()

    def network(self, mode: Mode) -> FocalNetwork:
        """A new network whose variables every replica has."""
        with self.team.strategy.scope():
            return make_network(self.spec, mode)

    def earlier_8_bits(self) -> FocalNetwork | None:
        """The network of ``qat_start_from``, None where there is nothing to begin with.

        Raises:
            UserError: that run has no 8-bit weights, or another network's.
        """
        if not self.config.qat_start_from or self.run.weights_path("qat").exists():
            return None
        earlier = RunDirectory(Path(self.config.qat_start_from))
        network = self.network(Mode.QUANTIZED)
        network.load_weights(earlier.load_weights("qat"), earlier.weights_path("qat"))
        return network

    def classical_teacher(self, start: FocalNetwork) -> Teacher:
        """What a float network answers before it learns, moved towards the classical answers."""
        network = self.network(Mode.FLOAT)
        network.load_weights(start.weights())
        answers, share = answers_of(network), self.config.towards_classical
        return lambda batch: towards_classical(answers(batch), batch, share)

    def waiting_share(self) -> float:
        """Share of the training time for which no batch was ready."""
        return self.pool.waited_s / max(self.pool.waited_s + self.stepped_s, 1e-9)

    def fit(
        self,
        phase: str,
        network: FocalNetwork,
        first: int,
        last: int,
        peak_rate: float,
        teacher: Teacher | None = None,
    ) -> None:
        """Train ``network`` over the steps [first, last) and leave it with its averaged weights.

        A phase that has already ended is only loaded.

        Args:
            teacher: what it learns for a batch instead of the truth.
        """
        if self.run.weights_path(phase).exists():
            network.load_weights(self.run.load_weights(phase), self.run.weights_path(phase))
            return
        variables = network.trainable_variables
        with self.team.strategy.scope():
            optimizer = make_optimizer(peak_rate, self.config.weight_decay)
            optimizer.build(variables)
        step = self._restore(phase, network, optimizer, first)
        if step == first and phase == "qat" and not self.config.qat_start_from:
            self._calibrate(network, first)
        freeze_at = last - int(self.config.frozen_share * (last - first))
        freeze_norms(network, step > freeze_at)
        update = make_update(network, optimizer, self.team, self.config.loss, teacher)
        bar = tqdm(
            total=last - first,
            initial=step - first,
            desc=phase,
            unit="step",
            disable=not self.team.chief,
        )
        losses: list[float] = []
        stepped, waited = self.stepped_s, self.pool.waited_s
        try:
            for drawn in batches(step, self.config.batch, self.pool, self.spec, last):
                if step == freeze_at and freeze_norms(network, True):
                    update = make_update(network, optimizer, self.team, self.config.loss, teacher)
                optimizer.learning_rate = learning_rate(step - first, last - first, peak_rate)
                started = time.monotonic()
                losses.append(update([tensors(batch) for batch in drawn]))
                self.stepped_s += time.monotonic() - started
                step += 1
                bar.update()
                if step % LOG_EVERY == 0 or step == last:
                    waiting = self.pool.waited_s - waited
                    elapsed = waiting + self.stepped_s - stepped
                    record = {
                        "loss": float(np.mean(losses)),
                        "learning_rate": float(optimizer.learning_rate.numpy()),
                        "steps_per_s": len(losses) / elapsed,
                        "waiting_share": waiting / elapsed,
                    }
                    bar.set_postfix(loss=f"{record['loss']:.4f}")
                    self._log(phase, step, record)
                    losses, stepped, waited = [], self.stepped_s, self.pool.waited_s
                if step % self.config.validate_every == 0 and step < last:
                    self._validate_average(phase, step, network, optimizer)
                if step % self.config.checkpoint_every == 0:
                    self._save(phase, step, network, optimizer)
        except KeyboardInterrupt:
            self._save(phase, step, network, optimizer)
            raise StoppedError(
                f"stopped at step {step} of the {phase} phase; it is saved"
            ) from None
        finally:
            bar.close()
        optimizer.finalize_variable_values(variables)
        network.settle()
        weights = network.weights()
        if self.team.chief:
            write_arrays(self.run.weights_path(phase), weights)
        self._log(phase, step, self.validate(network))

    def validate(self, network: FocalNetwork) -> Row:
        """Metrics of a network on the held-out stacks."""
        return score([self._depth(network, s) for s in self.held_out], self.held_out)

    def _depth(self, network: FocalNetwork, stack: ValidationStack) -> np.ndarray:
        name = "inverse_depth" if self.spec.output == "sweep" else "depth"

        def predict(batch: Batch) -> np.ndarray:
            fed = tensors(batch)
            output: np.ndarray = evaluate(network)(fed["frames"], fed["focus"], fed["optics"])[
                name
            ].numpy()
            return output

        return network_depth(stack, predict, self.spec)

    def _validate_average(
        self, phase: str, step: int, network: FocalNetwork, optimizer: Any
    ) -> None:
        """Score the running average of the weights, then go on with the weights themselves."""
        kept = [v.numpy() for v in network.trainable_variables]
        optimizer.finalize_variable_values(network.trainable_variables)
        row = self.validate(network)
        self._log(phase, step, row)
        self._draw(step, network)
        for variable, value in zip(network.trainable_variables, kept, strict=True):
            variable.assign(value)
        self.say(
            f"\n{phase} step {step}: MAE {row['mae_dioptres']:.3f} D, delta1 {row['delta1']:.3f}"
        )

    def _calibrate(self, network: FocalNetwork, step: int) -> None:
        """Start the activation ranges at what a few batches show."""
        ranges = network.moving_ranges()
        for layer in ranges:
            layer.observing = True
        ahead = batches(step, self.config.batch, self.pool, self.spec, step + CALIBRATION_BATCHES)
        for drawn in ahead:
            for batch in drawn:
                fed = tensors(batch)
                network.forward(fed["frames"], fed["focus"], fed["optics"], training=True)
        widest = self.team.widest([layer.observed or (0.0, 0.0) for layer in ranges])
        for layer, observed in zip(ranges, widest, strict=True):
            layer.observed = observed
            layer.adopt()

    def _state_variables(self, network: FocalNetwork, optimizer: Any) -> dict[str, Any]:
        moments = {f"optimizer/{i:04d}": v for i, v in enumerate(optimizer.variables)}
        return {**network.named_variables(), **moments}

    def _save(self, phase: str, step: int, network: FocalNetwork, optimizer: Any) -> None:
        arrays = {n: v.numpy() for n, v in self._state_variables(network, optimizer).items()}
        if self.team.chief:
            self.run.save_state({**arrays, "phase": np.array(phase), "step": np.array(step)})

    def _restore(self, phase: str, network: FocalNetwork, optimizer: Any, first: int) -> int:
        """The step to go on from."""
        state = self.run.load_state()
        if state is None or str(state["phase"]) != phase:
            self._forget_after(first)
            return first
        for name, variable in self._state_variables(network, optimizer).items():
            variable.assign(state[name])
        step = int(state["step"])
        self._forget_after(step)
        self.say(f"resuming the {phase} phase at step {step}")
        return step

    def _forget_after(self, step: int) -> None:
        if self.team.chief:
            self.run.forget_after(step)

    def _log(self, phase: str, step: int, record: dict[str, float]) -> None:
        if not self.team.chief:
            return
        self.run.log({"step": step, "phase": phase, **record})
        with self.writer.as_default(step=step):
            for name, value in record.items():
                tf.summary.scalar(f"{phase}/{name}", value)
        self.writer.flush()

    def _draw(self, step: int, network: FocalNetwork) -> None:
        """TensorBoard picture: scene, truth, classical, network."""
        rows = []
        for stack in self.held_out[:4]:
            maps = (stack.truth_m, stack.classical_m, self._depth(network, stack))
            rows.append(np.hstack([stack.sharp, *(coloured(m, stack.truth_m) for m in maps)]))
        with self.writer.as_default(step=step):
            tf.summary.image("scene, truth, classical, network", np.vstack(rows)[None])
        self.writer.flush()


def coloured(depth_m: np.ndarray, truth_m: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) colours of a depth map in dioptres over the truth's range."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.nanquantile(1 / truth_m, [0.01, 0.99])
        level = (1 / depth_m - low) / max(high - low, 1e-6)
    level = np.nan_to_num(np.clip(level, 0, 1))
    bgr = cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    return bgr[..., ::-1]


def freeze_norms(network: FocalNetwork, frozen: bool) -> bool:
    """Whether batch norms use their moving statistics while the network learns; returns whether
    there are any.

    A batch is normalised by its own statistics, which differ with its number of frames and with
    its cameras; a network that is only trained so answers otherwise once they are fixed.
    """
    kernels = [kernel for kernel in network.kernels() if kernel.use_norm]
    for kernel in kernels:
        kernel.frozen_norm = frozen
    return bool(kernels)
