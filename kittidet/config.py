"""What a person may set: of a run, a section a subject; and of what is done with finished runs. Each default is here.

What a person types (a JSON or YAML file, dotted overrides, Prefect parameters) is checked here; unknown keys and
values out of range are errors. ``None`` means "not set".
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from kittidet.classes import DONT_CARE, ClassTable, class_table, label_name
from kittidet.errors import ConfigError
from kittidet.retrain_config import RetrainConfig
from kittidet.section import Section

# Variants are listed here, not in `model`, so that `--help` and the checks need no Keras.
VARIANTS = (
    "d0",
    "d1",
    "d2",
    "d3",
    "d4",
    "d5",
    "d6",
    "d7",
    "d7x",
    "lite0",
    "lite1",
    "lite2",
    "lite3",
    "lite3x",
    "lite4",
)


def _check_variant(name: str) -> str:
    if name not in VARIANTS:
        raise ValueError(f"unknown variant {name!r}, expected one of {', '.join(VARIANTS)}")
    return name


# No image with a longer side is read anywhere: a file of a few bytes may declare enough pixels to fill the memory.
MAX_SIDE_PX = 8192

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
# The names as an enum of the schema as well: a form offers them as a list.
Variant = Annotated[str, AfterValidator(_check_variant), Field(json_schema_extra={"enum": [*VARIANTS]})]
RateShape = Literal["cosine", "cosine_restarts", "step", "constant", "reference"]
# Peaks at a batch of 64: the published one, and that of the demo's recipe, twenty times smaller: AdamW's steps do not
# shrink with the gradient.
_PEAK_RATES = {"sgd": 0.08, "adamw": 0.004}
ClassTableName = Literal["kitti8", "kitti3"]
SplitName = Literal["train", "val"]


class BackoffConfig(Section):
    """Retries and timeouts of a download."""

    attempts: int = Field(8, ge=1, description="attempts without progress, or restarts, before giving up")
    first_s: float = Field(1.0, ge=0, description="wait after the first failed attempt, seconds; doubled each time")
    longest_s: float = Field(60.0, ge=0, description="longest wait, seconds")
    timeout_s: float = Field(60.0, gt=0, description="longest silence of the server, seconds")


class SourceConfig(Section):
    """Where the data comes from."""

    renamed_keys: ClassVar = {"drawn_frames": "synthetic_frames", "drawn_seed": "synthetic_seed"}
    renamed_values: ClassVar = {"kind": {"drawn": "synthetic"}}

    kind: Literal["official", "folder", "synthetic", "coco", "yolo"] = Field(
        "official",
        description="official archives, a local folder of zips or files, synthetic data, or a COCO or YOLO data set",
    )
    path: Path | None = Field(
        None, description="folder: the unpacked tree, or the folder with the official zips; yolo: the data.yaml"
    )
    annotations: Path | dict[SplitName, Path] | None = Field(
        None, description="coco: the JSON file, or one for each of train and val"
    )
    images_dir: Path | dict[SplitName, Path] | None = Field(
        None, description="coco: the folder, or folders, of the images; None: the annotations' own"
    )
    base_url: str = Field(
        "https://s3.eu-central-1.amazonaws.com/avg-kitti/", description="official: address of the archives"
    )
    sha256: dict[str, str] = Field(default_factory=dict, description="official: known digests, archive name -> hex")
    backoff: BackoffConfig = Field(BackoffConfig(), description="official: retries and timeouts")
    synthetic_frames: int = Field(120, ge=1, description="synthetic: number of frames")
    synthetic_seed: int = Field(7, description="synthetic: random seed")


class ValidateConfig(Section):
    """The data contract, and how many violations are tolerated."""

    edge_tolerance_px: float = Field(1.0, ge=0, description="how far a box may extend beyond the image, pixels")
    max_bad_share: Share = Field(0.01, description="share of frames with errors above which the run stops")
    check_pixels: bool = Field(True, description="decode every image instead of checking only headers and checksums")
    side_px: tuple[Side, Side] = Field((32, MAX_SIDE_PX), description="smallest and largest image side, pixels")

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
    seed: int = Field(0, description="random80 and drive: random seed")
    val_share: Share = Field(0.2, description="random80 and drive: share of frames in val")
    train_list: Path | None = Field(None, description="lists: a file with a frame id, or the name of its image, a line")
    val_list: Path | None = Field(None, description="lists: the same of the frames to score on")

    @model_validator(mode="after")
    def _check_lists(self) -> "SplitConfig":
        if self.method == "lists" and (self.train_list is None or self.val_list is None):
            raise ValueError("method lists: expected split.train_list and split.val_list")
        return self


class OwnClasses(Section):
    """A class table of one's own; names of several words are joined by underscores, as label files hold them."""

    names: tuple[str, ...] = Field(description="class names in id order")
    merges: dict[str, str] = Field(default_factory=dict, description="type in a label -> one of the names")
    ignored: tuple[str, ...] = Field((), description="types whose boxes count as DontCare")


class RecordsConfig(Section):
    """TFRecord shards."""

    train_shards: int = Field(32, ge=1, description="files that the training frames are divided among")
    val_shards: int = Field(8, ge=1, description="files that the validation frames are divided among")
    classes: ClassTableName | tuple[str, ...] | OwnClasses = Field(
        "kitti8", description="class table: kitti8, kitti3, a list of names, or a mapping of names, merges, ignored"
    )

    @model_validator(mode="after")
    def _check_table(self) -> "RecordsConfig":
        try:
            self.table()
        except ConfigError as error:
            raise ValueError(str(error)) from error
        return self

    def table(self) -> ClassTable:
        """Return the class table of the records, and so of the detector."""
        if isinstance(self.classes, str):
            return class_table(self.classes)
        own = self.classes if isinstance(self.classes, OwnClasses) else OwnClasses(names=self.classes)
        if DONT_CARE in {*own.names, *own.merges}:
            raise ConfigError(f"{DONT_CARE} is no class: its boxes are regions where nothing counts.")
        return ClassTable(
            tuple(map(label_name, own.names)),
            {label_name(kind): label_name(name) for kind, name in own.merges.items()},
            tuple(map(label_name, own.ignored)),
        )


class ModelConfig(Section):
    """The detector."""

    renamed_keys: ClassVar = {"canvas_hw": "input_hw"}

    variant: Variant = Field("d0", description="EfficientDet variant")
    input_hw: tuple[PositiveInt, PositiveInt] = Field(
        (384, 1280), description="network input, height and width, pixels"
    )
    anchor_scale: float | None = Field(
        None, gt=0, description="side of the smallest anchor in cells; None: the variant's own"
    )


class AugmentConfig(Section):
    """Random changes to training images."""

    flip: bool = Field(True, description="mirror every second image, at random")
    scale_min: float = Field(0.6, gt=0, description="smallest random resize, as a factor")
    scale_max: float = Field(1.4, gt=0, description="largest random resize, as a factor")
    colour: float = Field(
        0.2, ge=0, le=1, description="strength of brightness, contrast and saturation jitter; 0 is off"
    )

    @model_validator(mode="after")
    def _check_scales(self) -> "AugmentConfig":
        if self.scale_min > self.scale_max:
            raise ValueError(f"scale_min {self.scale_min} is above scale_max {self.scale_max}")
        return self


class TrainConfig(Section):
    """The fine-tune."""

    # How a training is done, not what: may change while it runs, and what is finished is not done again for it.
    no_identity: ClassVar = ("keep_checkpoints", "micro_batch", "save_every_minutes")

    epochs: int = Field(60, ge=1, description="passes over the training frames")
    batch_size: int = Field(16, ge=1, description="images a step")
    optimizer: Literal["sgd", "adamw"] = Field("sgd", description="sgd: with momentum and l2; adamw: with weight_decay")
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="peak at batch 64; scaled by batch / 64, warm-up start included; None: 0.08 with sgd, 0.004 with "
        "adamw",
    )
    schedule: RateShape = Field(
        "cosine", description="decay of the rate after the warm-up; step: a tenth at 2/3 of the run, again at 11/12"
    )
    cycles: int = Field(3, ge=1, description="cosine_restarts: how many cosines, each from the peak")
    warmup_epochs: float = Field(1.0, ge=0, description="epochs over which the learning rate rises to its peak")
    clip_norm: float = Field(10.0, gt=0, description="gradient clipping: per gradient, then global")
    l2: float = Field(4e-5, ge=0, description="sgd: L2 penalty on kernels, part of the loss")
    weight_decay: float = Field(1e-2, ge=0, description="adamw: decoupled decay of kernels, instead of l2")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="moving average of the weights; 0 turns it off")
    freeze_batch_norm: bool | None = Field(
        None, description="None: frozen if training starts from weights and the batch is below 16"
    )
    focal_alpha: float = Field(0.25, gt=0, lt=1, description="class loss: weight of anchors that match an object")
    focal_gamma: float = Field(
        1.5, ge=0, description="class loss: how much less easy anchors count; 0 is cross-entropy"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="class loss: how far targets are drawn towards 0.5")
    huber_delta: float = Field(0.1, gt=0, description="box loss: error from which it grows linearly, in box codes")
    box_loss_weight: float = Field(50.0, ge=0, description="weight of the box loss; the class loss has 1")
    iou_loss: Literal["none", "giou", "ciou"] = Field("none", description="a loss on the overlap of decoded boxes")
    iou_loss_weight: float = Field(1.0, ge=0, description="weight of iou_loss")
    ignore_dont_care: bool = Field(True, description="leave anchors mostly inside DontCare out of the class loss")
    checkpoint_every_epochs: int = Field(5, ge=1, description="epochs between checkpoints that are not scored")
    keep_checkpoints: int = Field(3, ge=1, description="how many of the newest are kept, beside the best by AP")
    evaluate_every_epochs: int = Field(
        1, ge=0, description="score the validation set after so many epochs, fewer where it would cost much; 0: never"
    )
    average_best: int = Field(
        3, ge=1, description="how many of the best by AP are kept; their average is one more candidate"
    )
    micro_batch: PositiveInt | Literal["auto"] = Field(
        "auto",
        description="images in memory at a time, added up to batch_size; auto: all, and half as many where memory "
        "runs out",
    )
    save_every_minutes: float = Field(10.0, gt=0, description="time between states to go on from, besides each epoch's")
    patience_epochs: int | None = Field(
        None, ge=1, description="stop when validation AP has not risen for so many epochs; None: never"
    )
    mixed_precision: bool = Field(False, description="float16 arithmetic on a GPU; outputs and losses stay float32")
    seed: int = Field(0, description="random seed of the first weights, the order of frames and the augmentation")
    initial_weights: Literal["coco", "starter"] | Path | None = Field(
        None,
        description="coco: the variant's published checkpoint, downloaded; starter: the demo's bundled one; a path; "
        "None: a random start, not a fine-tune",
    )
    augment: AugmentConfig = AugmentConfig()

    @property
    def peak_rate(self) -> float:
        """The highest rate at a batch of 64: as set, or the optimiser's own."""
        return _PEAK_RATES[self.optimizer] if self.learning_rate is None else self.learning_rate

    @model_validator(mode="after")
    def _check_micro_batch(self) -> "TrainConfig":
        if self.micro_batch != "auto" and self.batch_size % self.micro_batch:
            raise ValueError(f"micro_batch {self.micro_batch} does not divide batch_size {self.batch_size}")
        return self


class EvalConfig(Section):
    """Scoring."""

    renamed_values: ClassVar = {"nms": {"gaussian": "soft"}}

    batch_size: int = Field(8, ge=1, description="images at a time")
    score_threshold: float = Field(0.01, ge=0, lt=1, description="detections below it are dropped before scoring")
    max_detections: int = Field(100, ge=1, description="of an image; AP counts them all, beyond COCO's 100 too")
    nms: Literal["soft", "hard"] = Field(
        "soft", description="non-maximum suppression: soft lowers the scores of overlapping boxes, hard drops them"
    )


class PredictConfig(Section):
    """Images with drawn predictions."""

    min_score: float = Field(0.3, ge=0, le=1, description="lowest score that is drawn; files keep all detections")


class CompareConfig(Section):
    """When two runs are considered different."""

    resamples: int = Field(1000, ge=100, description="bootstrap draws of the validation frames")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="share of draws inside an interval")
    seed: int = Field(0, description="random seed of the draws")


class ExportConfig(Section):
    """Exported models."""

    formats: tuple[Literal["saved_model", "tflite_float16", "tflite_dynamic", "onnx"], ...] = ("saved_model",)


class ReportConfig(Section):
    """The report page of a run; not part of the run's identity."""

    gallery_frames: int = Field(6, ge=0, description="images in each of best, worst and random")
    min_score: float | None = Field(
        None, ge=0, le=1, description="lowest score that is drawn; None: where mean F1 is best"
    )


class RunConfig(Section):
    """The whole configuration of a run."""

    name: str = Field("kitti-finetune", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="folder under runs/")
    store_dir: Path = Field(Path("store"), description="step outputs, by content")
    runs_dir: Path = Field(Path("runs"), description="finished runs, by name")
    source: SourceConfig = SourceConfig()
    validation: ValidateConfig = ValidateConfig()
    split: SplitConfig = SplitConfig()
    records: RecordsConfig = RecordsConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvalConfig = EvalConfig()
    retrain: RetrainConfig = RetrainConfig()
