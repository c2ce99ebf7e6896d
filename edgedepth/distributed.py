"""Training on several GPUs or machines: the strategy, and who takes which share of the data.

Every replica draws its own share of each step's data; gradients and batch statistics are
averaged over the replicas before they are used. A run therefore learns the same whether its
shares are drawn by several workers or joined into one larger batch by a single one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from edgedepth.data.pool import Shares
from edgedepth.errors import UserError
from edgedepth.models.backend import tf

PEER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
)
"""What collective operations raise when another worker has gone."""

MAX_RESTARTS = 100
RESTART_S = 2.0
_RESTARTS = "EDGEDEPTH_RESTARTS"


@dataclass(frozen=True)
class Team:
    """The replicas that train together.

    Attributes:
        strategy: how they do it.
        rank, workers: this process among all.
        local: replicas of this process.
    """

    strategy: Any
    rank: int = 0
    workers: int = 1
    local: int = 1

    @property
    def chief(self) -> bool:
        """Whether this process writes the run directory."""
        return self.rank == 0

    @property
    def replicas(self) -> int:
        """Replicas of all processes."""
        return self.workers * self.local

    def shares(self, total: int) -> Shares:
        """Which of ``total`` shares of the data each replica of this process takes.

        Raises:
            UserError: the shares cannot be dealt out evenly.
        """
        if total % self.replicas:
            raise UserError(
                f"{total} shares of data cannot be dealt to {self.replicas} replicas",
                "use a number of replicas that divides the --shares that the run began with",
            )
        each = total // self.replicas
        first = self.rank * self.local
        mine = range(first, first + self.local)
        return Shares(tuple(tuple(range(i * each, (i + 1) * each)) for i in mine), total)

    def spread(self, batches: Sequence[dict[str, Any]]) -> Any:
        """One batch for each replica of this process, as a strategy takes them."""
        if self.local == 1:
            return batches[0]
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: batches[context.replica_id_in_sync_group % self.local]
        )

    def widest(self, ranges: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Element by element the widest (low, high) that any worker found."""
        if self.workers == 1 or not ranges:
            return ranges
        everyone = self.strategy.gather(tf.constant([ranges], tf.float32), axis=0).numpy()
        found = everyone.reshape(-1, len(ranges), 2)
        return list(zip(found[..., 0].min(0).tolist(), found[..., 1].max(0).tolist(), strict=True))


def make_team() -> Team:
    """One replica per GPU of this machine, or per worker of ``TF_CONFIG``'s cluster.

    Must run before TensorFlow has done anything else.

    Raises:
        UserError: TF_CONFIG is not what it should be.
    """
    workers, rank = _cluster()
    if workers > 1:
        options = tf.distribute.experimental.CommunicationOptions(
            implementation=tf.distribute.experimental.CommunicationImplementation.AUTO
        )
        with watching_peers():
            strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
        return Team(strategy, rank, workers, strategy.num_replicas_in_sync // workers)
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy()
        return Team(strategy, local=strategy.num_replicas_in_sync)
    return Team(tf.distribute.get_strategy())


def _cluster() -> tuple[int, int]:
    """Workers in TF_CONFIG's cluster, and the place of this one."""
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return 1, 0
    try:
        record = json.loads(text)
        workers = len(record["cluster"]["worker"])
        task, index = record["task"]["type"], int(record["task"]["index"])
        if set(record["cluster"]) != {"worker"} or task != "worker" or not 0 <= index < workers:
            raise ValueError("only tasks of type worker, counted from 0, are known")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"TF_CONFIG cannot be used ({error})",
            'write it like {"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
            '"task": {"type": "worker", "index": 0}}',
        ) from None
    return workers, index


def replica_mean(values: Any) -> Any:
    """Mean over the replicas, called inside one; the values themselves where there is one."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, values)


class PeerLostError(UserError):
    """Another worker went away; start again from the last checkpoint."""


@contextmanager
def watching_peers() -> Iterator[None]:
    """Turn what collective operations raise without a peer into a :class:`PeerLostError`."""
    try:
        yield
    except PEER_ERRORS as error:
        if not os.environ.get("TF_CONFIG"):
            raise
        reason = str(error).strip().splitlines()[0][:120]
        raise PeerLostError(
            f"another worker went away ({reason})", "start it again with --resume"
        ) from None


def restart(arguments: Sequence[str]) -> NoReturn:
    """Replace this process by one that resumes the run and waits for its peers.

    TensorFlow cannot mend a cluster, only build a new one.

    Raises:
        UserError: after ``MAX_RESTARTS``.
    """
    times = int(os.environ.get(_RESTARTS, "0"))
    if times >= MAX_RESTARTS:
        raise UserError(
            f"restarted {times} times for lost workers", "look at the logs of the others"
        )
    time.sleep(RESTART_S)
    os.environ[_RESTARTS] = str(times + 1)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "edgedepth", "train", *arguments])
