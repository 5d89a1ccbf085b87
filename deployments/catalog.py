"""What is deployed: flow + preset + schedule + work pool, one entry each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kittidet.presets import DEFAULT_PRESET

# How often a run tells the server that it lives, seconds.
HEARTBEAT_S = 30


@dataclass(frozen=True, slots=True)
class Pool:
    """A process work pool.

    Attributes:
        name: its name in Prefect.
        limit: runs at a time, over all its workers.
        description: for Prefect's UI.
    """

    name: str
    limit: int
    description: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One deployment.

    Attributes:
        name: unique, so that it can be run without naming its flow.
        flow: dotted path of the flow function.
        pool: name of the work pool.
        description: for Prefect's UI.
        parameters: the flow's parameters, JSON types.
        cron: when it runs, five fields; inactive until switched on. None: run only by hand or by another flow.
        timezone: of the cron.
        one_at_a_time: whether a run that starts while another one goes on is cancelled.
        tags: for filters in Prefect's UI.
    """

    name: str
    flow: str
    pool: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cron: str | None = None
    timezone: str = "UTC"
    one_at_a_time: bool = False
    tags: tuple[str, ...] = ("kitti",)


# Of these runs only two work at a time on one machine (tasks/slots.py); the others wait for training, or for them.
CPU_POOL = Pool("kitti-cpu", 10, "Data steps, and the runs that wait for training.")
GPU_POOL = Pool("kitti-gpu", 1, "Training and evaluation: one run per GPU.")
POOLS = (CPU_POOL, GPU_POOL)

FINETUNE = "flows.kitti_finetune.kitti_finetune"
TRAIN = "flows.kitti_train.kitti_train"
RETRAIN = "flows.kitti_retrain.kitti_retrain"

CATALOG = (
    Entry(
        name="kitti-finetune",
        flow=FINETUNE,
        pool=CPU_POOL.name,
        description="EfficientDet-D0 on KITTI: data to the checkpoint with the best AP.",
        parameters=MappingProxyType({"preset": DEFAULT_PRESET}),
        # Saturday night: if there is new data, training has the weekend. Without new data every task is Cached.
        cron="0 3 * * 6",
    ),
    Entry(
        name="kitti-finetune-d2",
        flow=FINETUNE,
        pool=CPU_POOL.name,
        description="EfficientDet-D2 on KITTI, for a larger GPU.",
        parameters=MappingProxyType({"preset": "kitti_d2"}),
    ),
    Entry(
        name="kitti-demo",
        flow=FINETUNE,
        pool=CPU_POOL.name,
        description="The whole flow on a small synthetic data set, in minutes.",
        parameters=MappingProxyType({"preset": "demo"}),
        tags=("kitti", "demo"),
    ),
    Entry(
        name="kitti-retrain",
        flow=RETRAIN,
        pool=CPU_POOL.name,
        description="Train again if anything is new, and promote what is surely better than the champion.",
        parameters=MappingProxyType({"preset": DEFAULT_PRESET}),
        # After the hour that a change of the clocks takes away or gives twice; change the timezone to yours.
        cron="0 4 * * 0",
        timezone="Europe/Berlin",
        # Two would compare with the same champion, and train for nothing.
        one_at_a_time=True,
    ),
    Entry(
        name="kitti-train",
        flow=TRAIN,
        pool=GPU_POOL.name,
        description="Fine-tune and evaluate on records that are in the store; started by kitti-finetune.",
    ),
)
