"""The fine-tune's section of the configuration: random changes to images, rates, losses, and what is kept."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from kittidet.config_types import Count, LocalPath, Seed, Weight
from kittidet.section import Section

RateShape = Literal["cosine", "cosine_restarts", "step", "constant", "reference"]
Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
BatchNormMode = Literal["frozen", "refresh_then_freeze", "affine", "train"]
# Peaks at a batch of 64: the published one, and that of the demo's recipe, twenty times smaller: AdamW's steps do not
# shrink with the gradient.
_PEAK_RATES = {"sgd": 0.08, "adamw": 0.004}


class AugmentConfig(Section):
    """Random changes to training images."""

    flip: bool = Field(True, description="mirror every second image, at random")
    scale_min: float = Field(0.6, ge=0.05, le=20, description="smallest random resize, as a factor")
    scale_max: float = Field(1.4, ge=0.05, le=20, description="largest random resize, as a factor")
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

    renamed_keys: ClassVar = {"freeze_batch_norm": "batch_norm", "mixed_precision": "precision"}
    renamed_values: ClassVar = {
        "batch_norm": {True: "frozen", False: "train", None: "auto"},
        "precision": {True: "mixed_float16", False: "float32"},
    }

    # How a training is done, not what: may change while it runs, and what is finished is not done again for it.
    no_identity: ClassVar = ("keep_checkpoints", "micro_batch", "devices", "save_every_minutes")

    epochs: Count = Field(60, description="passes over the training frames")
    extends: tuple[Count, ...] = Field(
        (), description="epochs at which shorter trainings ended that this one goes on from, such as [60] for one of 80"
    )
    batch_size: Count = Field(16, description="images a step")
    optimizer: Literal["sgd", "adamw"] = Field("sgd", description="sgd: with momentum and l2; adamw: with weight_decay")
    learning_rate: float | None = Field(
        None,
        gt=0,
        le=100,
        description="peak at batch 64; scaled by batch / 64, warm-up start included; None: 0.08 with sgd, 0.004 with "
        "adamw",
    )
    schedule: RateShape = Field(
        "cosine", description="decay of the rate after the warm-up; step: a tenth at 2/3 of the run, again at 11/12"
    )
    cycles: Count = Field(3, description="cosine_restarts: how many cosines, each from the peak")
    warmup_epochs: float = Field(
        1.0, ge=0, le=1_000_000, description="epochs over which the learning rate rises to its peak"
    )
    clip_norm: Weight = Field(10.0, gt=0, description="gradient clipping: per gradient, then global")
    l2: float = Field(4e-5, ge=0, le=1, description="sgd: L2 penalty on kernels, part of the loss")
    weight_decay: float = Field(1e-2, ge=0, le=10, description="adamw: decoupled decay of kernels, instead of l2")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="moving average of the weights; 0 turns it off")
    batch_norm: Literal["auto"] | BatchNormMode = Field(
        "auto",
        description="train: batch statistics; frozen: nothing of it learns; affine: gamma and beta learn, statistics "
        "are kept; refresh_then_freeze: statistics are measured again before the first step, then frozen; auto: frozen "
        "if training starts from weights and the batch is below 16, else train",
    )
    refresh_batches: Count = Field(
        32, description="refresh_then_freeze: training batches that the statistics are measured on"
    )
    focal_alpha: float = Field(0.25, gt=0, lt=1, description="class loss: weight of anchors that match an object")
    focal_gamma: float = Field(
        1.5, ge=0, le=100, description="class loss: how much less easy anchors count; 0 is cross-entropy"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="class loss: how far targets are drawn towards 0.5")
    huber_delta: Weight = Field(0.1, gt=0, description="box loss: error from which it grows linearly, in box codes")
    box_loss_weight: Weight = Field(50.0, description="weight of the box loss; the class loss has 1")
    iou_loss: Literal["none", "giou", "ciou"] = Field("none", description="a loss on the overlap of decoded boxes")
    iou_loss_weight: Weight = Field(1.0, description="weight of iou_loss")
    ignore_dont_care: bool = Field(True, description="leave anchors mostly inside DontCare out of the class loss")
    repeat_threshold: float | None = Field(
        None,
        gt=0,
        le=1,
        description="frames with a class that a smaller share of the frames show are drawn more often, by LVIS' rule; "
        "None: all equally often",
    )
    checkpoint_every_epochs: Count = Field(5, description="epochs between checkpoints that are not scored")
    keep_checkpoints: Count = Field(3, description="how many of the newest are kept, beside the best by AP")
    evaluate_every_epochs: int = Field(
        1,
        ge=0,
        le=1_000_000,
        description="score the validation set after so many epochs, fewer where it would cost much; 0: never",
    )
    average_best: Count = Field(
        3, description="how many of the best by AP are kept; their average is one more candidate"
    )
    micro_batch: Count | Literal["auto"] = Field(
        "auto",
        description="images in memory at a time, added up to batch_size; auto: all, and half as many where memory "
        "runs out",
    )
    devices: Count | Literal["auto"] = Field(
        "auto", description="GPUs that share a batch, each with a micro_batch at a time; auto: all there are"
    )
    save_every_minutes: float = Field(
        10.0, gt=0, le=1_000_000, description="time between states to go on from, besides each epoch's"
    )
    patience_epochs: Count | None = Field(
        None, description="stop when validation AP has not risen for so many epochs; None: never"
    )
    precision: Precision = Field(
        "float32",
        description="of the layers' arithmetic; weights, outputs, losses and averages are float32. mixed_float16 needs "
        "a GPU",
    )
    seed: Seed = Field(0, description="random seed of the first weights, the order of frames and the augmentation")
    initial_weights: Literal["coco", "starter"] | LocalPath | None = Field(
        None,
        description="coco: the variant's published checkpoint, downloaded; starter: the demo's bundled one; a path; "
        "None: a random start, not a fine-tune",
    )
    augment: AugmentConfig = AugmentConfig()

    @property
    def peak_rate(self) -> float:
        """The highest rate at a batch of 64: as set, or the optimiser's own."""
        return _PEAK_RATES[self.optimizer] if self.learning_rate is None else self.learning_rate

    @property
    def earlier(self) -> "TrainConfig | None":
        """The recipe of the shorter training that this one goes on from; None if it begins by itself."""
        if not self.extends:
            return None
        return self.model_copy(update={"epochs": self.extends[-1], "extends": self.extends[:-1]})

    def extended(self, epochs: int) -> "TrainConfig":
        """Return the recipe that goes on for some more epochs after this one has ended."""
        return self.model_copy(update={"epochs": self.epochs + epochs, "extends": (*self.extends, self.epochs)})

    @model_validator(mode="after")
    def _check_extends(self) -> "TrainConfig":
        ends = [*self.extends, self.epochs]
        if sorted(set(ends)) != ends:
            raise ValueError(
                f"extends {[*self.extends]}: expected ascending numbers of epochs below epochs {self.epochs}"
            )
        return self

    @model_validator(mode="after")
    def _check_micro_batch(self) -> "TrainConfig":
        if self.micro_batch != "auto" and self.batch_size % self.micro_batch:
            raise ValueError(f"micro_batch {self.micro_batch} does not divide batch_size {self.batch_size}")
        return self
