"""What a person may set: of a run, a section a subject; and of what is done with finished runs. Each default is here.

What a person types (a JSON or YAML file, dotted overrides, Prefect parameters) is checked here; unknown keys and
values out of range are errors. ``None`` means "not set".
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from kittidet.config_export import ExportConfig
from kittidet.config_records import OwnClasses, RecordsConfig
from kittidet.config_retrain import RetrainConfig
from kittidet.config_tracking import TrackingConfig
from kittidet.config_train import AugmentConfig, BatchNormMode, Precision, RateShape, TrainConfig
from kittidet.config_types import (
    MAX_NAME,
    MAX_SIDE_PX,
    MIN_LONG_SIDE_PX,
    SIDE_PX,
    VARIANTS,
    Address,
    ClassTableName,
    Count,
    LocalPath,
    SchedulerAddress,
    Seconds,
    Seed,
    Share,
    Side,
    SplitName,
    StorePlace,
    Variant,
)
from kittidet.section import Section

__all__ = [
    "MAX_SIDE_PX",
    "SIDE_PX",
    "VARIANTS",
    "AugmentConfig",
    "BackoffConfig",
    "BatchNormMode",
    "ClassTableName",
    "CompareConfig",
    "ComputeConfig",
    "EvalConfig",
    "ExportConfig",
    "ModelConfig",
    "OwnClasses",
    "Precision",
    "PredictConfig",
    "RateShape",
    "RecordsConfig",
    "ReportConfig",
    "RetrainConfig",
    "RunConfig",
    "SourceConfig",
    "SplitConfig",
    "SplitName",
    "TrackingConfig",
    "TrainConfig",
    "ValidateConfig",
]


class BackoffConfig(Section):
    """Retries and timeouts of a download."""

    attempts: int = Field(8, ge=1, le=1000, description="attempts without progress, or restarts, before giving up")
    first_s: Seconds = Field(1.0, description="wait after the first failed attempt, seconds; doubled each time")
    longest_s: Seconds = Field(60.0, description="longest wait, seconds")
    timeout_s: Seconds = Field(60.0, gt=0, description="longest silence of the server, seconds")


class SourceConfig(Section):
    """Where the data comes from."""

    renamed_keys: ClassVar = {"drawn_frames": "synthetic_frames", "drawn_seed": "synthetic_seed"}
    renamed_values: ClassVar = {"kind": {"drawn": "synthetic"}}

    kind: Literal["official", "folder", "synthetic", "coco", "yolo"] = Field(
        "official",
        description="official archives, a local folder of zips or files, synthetic data, or a COCO or YOLO data set",
    )
    path: LocalPath | None = Field(
        None, description="folder: the unpacked tree, or the folder with the official zips; yolo: the data.yaml"
    )
    annotations: LocalPath | dict[SplitName, LocalPath] | None = Field(
        None, description="coco: the JSON file, or one for each of train and val"
    )
    images_dir: LocalPath | dict[SplitName, LocalPath] | None = Field(
        None, description="coco: the folder, or folders, of the images; None: the annotations' own"
    )
    base_url: Address = Field(
        "https://s3.eu-central-1.amazonaws.com/avg-kitti/", description="official: address of the archives"
    )
    sha256: dict[str, str] = Field(default_factory=dict, description="official: known digests, archive name -> hex")
    backoff: BackoffConfig = Field(BackoffConfig(), description="official: retries and timeouts")
    synthetic_frames: Count = Field(120, description="synthetic: number of frames")
    synthetic_seed: Seed = Field(7, description="synthetic: random seed")

    @field_validator("kind", mode="before")
    @classmethod
    def _name_kitti(cls, kind: Any) -> Any:
        # What a folder of KITTI's files is called beside coco and yolo.
        return "folder" if kind == "kitti" else kind


class ValidateConfig(Section):
    """The data contract, and how many violations are tolerated."""

    edge_tolerance_px: float = Field(
        1.0, ge=0, le=MAX_SIDE_PX, description="how far a box may extend beyond the image, pixels"
    )
    max_bad_share: Share = Field(0.01, description="share of frames with errors above which the run stops")
    check_pixels: bool = Field(True, description="decode every image instead of checking only headers and checksums")
    side_px: tuple[Side, Side] = Field(SIDE_PX, description="smallest and largest image side, pixels")

    @model_validator(mode="after")
    def _check_sides(self) -> "ValidateConfig":
        if self.side_px[0] > self.side_px[1]:
            raise ValueError(f"side_px: expected the smaller side first, got {list(self.side_px)}")
        return self


class SplitConfig(Section):
    """How frames are divided into train and val."""

    method: Literal["random80", "chen", "drive", "given", "lists"] = Field(
        "random80", description="seeded 80/20, Chen's lists, by drive, the data set's own lists, or yours"
    )
    seed: Seed = Field(0, description="random80 and drive: random seed")
    val_share: Share = Field(0.2, description="random80 and drive: share of frames in val")
    train_list: LocalPath | None = Field(
        None, description="lists: a file with a frame id, or the name of its image, a line"
    )
    val_list: LocalPath | None = Field(
        None, description="lists: the same of the frames to score on; None: those that are trained on, on purpose"
    )

    @model_validator(mode="after")
    def _check_lists(self) -> "SplitConfig":
        if self.method == "lists" and self.train_list is None:
            raise ValueError("method lists: expected split.train_list, and split.val_list for the frames to score on")
        return self


class ModelConfig(Section):
    """The detector."""

    renamed_keys: ClassVar = {"canvas_hw": "input_hw"}

    variant: Variant = Field("d0", description="EfficientDet variant")
    input_hw: tuple[Side, Side] = Field((384, 1280), description="network input, height and width, pixels")
    anchor_scale: float | None = Field(
        None, gt=0, le=100, description="side of the smallest anchor in cells; None: the variant's own"
    )

    @model_validator(mode="after")
    def _check_input(self) -> "ModelConfig":
        # Level 7, of 128 pixels a cell, would have the cells of level 6.
        if max(self.input_hw) <= MIN_LONG_SIDE_PX:
            raise ValueError(
                f"input_hw: expected a side of more than {MIN_LONG_SIDE_PX} pixels, got {[*self.input_hw]}"
            )
        return self


class EvalConfig(Section):
    """Scoring."""

    renamed_values: ClassVar = {"nms": {"gaussian": "soft"}}

    batch_size: Count = Field(8, description="images at a time")
    score_threshold: float = Field(0.01, ge=0, lt=1, description="detections below it are dropped before scoring")
    max_detections: int = Field(
        100, ge=1, le=10_000, description="of an image; AP counts them all, beyond COCO's 100 too"
    )
    nms: Literal["soft", "hard"] = Field(
        "soft", description="non-maximum suppression: soft lowers the scores of overlapping boxes, hard drops them"
    )


class PredictConfig(Section):
    """Images with drawn predictions."""

    min_score: float = Field(0.3, ge=0, le=1, description="lowest score that is drawn; files keep all detections")


class CompareConfig(Section):
    """When two runs are considered different."""

    resamples: int = Field(1000, ge=100, le=1_000_000, description="bootstrap draws of the validation frames")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="share of draws inside an interval")
    seed: Seed = Field(0, description="random seed of the draws")


class ReportConfig(Section):
    """The report page of a run; not part of the run's identity."""

    gallery_frames: int = Field(6, ge=0, le=1000, description="images in each of best, worst and random")
    min_score: float | None = Field(
        None, ge=0, le=1, description="lowest score that is drawn; None: where mean F1 is best"
    )


class ComputeConfig(Section):
    """Who does the large steps; it changes no result, and is not part of the run's identity."""

    runner: Literal["threads", "dask"] = Field(
        "threads", description="threads: every core of this machine; dask: coarse batches on a Dask cluster"
    )
    address: SchedulerAddress | None = Field(
        None, description="dask: the scheduler, tcp://HOST:8786; None: a cluster of this machine's cores"
    )
    steps: tuple[Literal["validate", "records", "evaluate"], ...] = Field(
        ("validate", "records", "evaluate"), description="dask: the steps that are done there"
    )


class RunConfig(Section):
    """The whole configuration of a run."""

    name: str = Field(
        "kitti-finetune",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=MAX_NAME,
        description="folder under runs/",
    )
    store_dir: StorePlace = Field(
        Path("store"), description="step outputs, by content: a folder, or s3://BUCKET/PREFIX (gs://, az://)"
    )
    runs_dir: LocalPath = Field(Path("runs"), description="finished runs, by name")
    source: SourceConfig = SourceConfig()
    validation: ValidateConfig = ValidateConfig()
    split: SplitConfig = SplitConfig()
    records: RecordsConfig = RecordsConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvalConfig = EvalConfig()
    retrain: RetrainConfig = RetrainConfig()
    tracking: TrackingConfig = TrackingConfig()
    compute: ComputeConfig = ComputeConfig()
