"""The devices of this machine that a training uses, chosen before its network is built."""

import json
import logging
import os
from collections.abc import Sequence

import tensorflow as tf

from kittidet.config import TrainConfig
from kittidet.errors import ConfigError
from kittidet.machine import find_accelerators, usable_cores
from kittidet.progress import in_words

log = logging.getLogger(__name__)


def choose_devices(train: TrainConfig) -> tuple[str, ...]:
    """Return the names of the devices that share a batch, such as ``GPU:0``, and log what they are.

    ``auto`` is every GPU, or as many as divide the batch; without a GPU, the processor. A number is so many of the
    GPUs, or, without one, of TensorFlow's logical processors, of which there is one unless a program makes more.

    Raises:
        ConfigError: if there are fewer devices than ``train.devices``, it does not divide ``train.batch_size``, or
            several machines are asked for.
    """
    _refuse_several_machines(os.environ.get("TF_CONFIG", ""))
    kind = "GPU" if has_gpu() else "CPU"
    names = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices(kind)]
    batch = train.batch_size
    if train.devices == "auto":
        there = len(names) if kind == "GPU" else 1
        count = next(n for n in range(there, 0, -1) if batch % n == 0)
        if count < there:
            log.warning(
                "train.batch_size %d is shared by %d of %d GPUs: it is no multiple of more. Choose a multiple of %d",
                *(batch, count, there, there),
            )
    else:
        count = train.devices
        if count > len(names):
            raise ConfigError(
                f"train.devices={count}: expected so many devices, found {len(names)} ({', '.join(names)}). "
                "Set train.devices=auto."
            )
        if batch % count:
            raise ConfigError(
                f"train.devices={count} does not divide train.batch_size={batch}: each device takes an equal share. "
                f"Set train.batch_size to a multiple of {count}, such as {-(-batch // count) * count}."
            )
    chosen = tuple(names[:count])
    _log(chosen)
    return chosen


def has_gpu() -> bool:
    """Return whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def describe_devices(names: Sequence[str]) -> str:
    """Return what a training runs on, such as ``2 cores`` or ``4 GPUs``."""
    count = len(names)
    if not names[0].startswith("CPU"):
        return f"{count} GPU{'s' * (count > 1)}"
    return f"{usable_cores()} cores" + (f" as {count} devices" if count > 1 else "")


def _refuse_several_machines(text: str) -> None:
    """Raise where ``TF_CONFIG``, TensorFlow's list of machines, has more than one (ADR 0019)."""
    try:
        cluster = json.loads(text or "{}").get("cluster", {})
        count = sum(len(tasks) for tasks in cluster.values())
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"TF_CONFIG: expected a JSON object with a cluster, got {text!r}. Unset it.") from error
    if count > 1:
        raise ConfigError(
            f"TF_CONFIG names {count} processes that train together: expected one. A training runs in one process, on "
            "all GPUs of its machine (train.devices=auto). Unset TF_CONFIG; several machines train several runs."
        )


def _log(names: Sequence[str]) -> None:
    where = f"training on {describe_devices(names)}"
    is_cpu = names[0].startswith("CPU")
    idle = find_accelerators() if is_cpu else []
    if idle:
        log.warning(
            "fit.device TensorFlow does not see %s: %s. Is kittidet[gpu] installed, and the driver recent enough?",
            *(", ".join(idle), where),
        )
    else:
        words = in_words(f"no GPU: {where}" if is_cpu else where)
        log.info("fit.device devices=%s", ",".join(names), extra=words)
