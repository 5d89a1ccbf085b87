"""EfficientDet as a Keras model: from a normalised image to class logits and box codes of every anchor."""

from typing import Any

import keras

from kittidet.model.backbone import Backbone
from kittidet.model.bifpn import BiFpn
from kittidet.model.heads import CLASS_BIAS, PredictionHead
from kittidet.model.scaling import VariantSpec, variant_spec

BOX_CODES = 4  # ty, tx, th, tw


@keras.saving.register_keras_serializable(package="kittidet")
class EfficientDet(keras.Model):
    """An EfficientDet; create one with ``build_efficientdet``.

    It has four layers: the backbone (named after the EfficientNet), ``fpn_cells``, ``class_net`` and ``box_net``;
    freeze one with ``model.get_layer("efficientnet-b0").trainable = False``.
    """

    def __init__(
        self,
        variant: str,
        num_classes: int,
        input_hw: tuple[int, int],
        *,
        seed: int | None = None,
        folded: bool = False,
        **kwargs: Any,
    ) -> None:
        spec = variant_spec(variant)
        height, width = check_input_hw(input_hw, spec)
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
            raise ValueError(f"num_classes: expected a whole number, 1 or more, got {num_classes!r}.")
        shared = {"dtype": kwargs.pop("dtype", None), "folded": folded}
        backbone = Backbone(spec.backbone, seed=seed, name=spec.backbone, **shared)
        images = keras.Input((height, width, 3), dtype="float32", name="images")
        features = backbone(images)
        fpn = BiFpn(variant, tuple(x.shape[-1] for x in features), name="fpn_cells", **shared)
        maps = fpn(features)
        class_net = PredictionHead(variant, num_classes, CLASS_BIAS, name="class_net", **shared)
        box_net = PredictionHead(variant, BOX_CODES, name="box_net", **shared)
        outputs = {"class_logits": class_net(maps), "box_codes": box_net(maps)}
        kwargs.setdefault("name", f"efficientdet_{variant}")
        super().__init__(inputs=images, outputs=outputs, **kwargs)
        self.variant = variant
        self.spec = spec
        self.num_classes = num_classes
        self.input_hw = (height, width)
        self.seed = seed
        self.folded = folded

    @property
    def input_spec(self) -> None:
        """None: ``call`` checks the images itself, with a message that says how to fix them."""
        return

    def call(self, inputs: Any, *, training: bool | None = None, mask: Any = None) -> dict[str, Any]:
        """Return ``class_logits`` ``[b, anchors, num_classes]`` and ``box_codes`` ``[b, anchors, 4]``, float32.

        Raises:
            ValueError: if the images are not ``[b, height, width, 3]`` of this model's size.
        """
        shape = tuple(getattr(inputs, "shape", ()))
        expected = (None, *self.input_hw, 3)
        if len(shape) != 4 or any(size not in (None, want) for size, want in zip(shape[1:], expected[1:], strict=True)):
            raise ValueError(
                f"{self.name}: expected normalised RGB images [b, {self.input_hw[0]}, {self.input_hw[1]}, 3], "
                f"got shape {shape}. Letterbox them to this size, or build the model with input_hw=(height, width) "
                "of your images."
            )
        return super().call(inputs, training=training, mask=mask)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "variant": self.variant,
            "num_classes": self.num_classes,
            "input_hw": list(self.input_hw),
            "seed": self.seed,
            "folded": self.folded,
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.get_layer("fpn_cells").dtype_policy),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "EfficientDet":  # noqa: ARG003  Keras passes it
        """Return the model that a configuration describes."""
        return cls(**{**config, "dtype": keras.dtype_policies.deserialize(config["dtype"])})


def check_input_hw(input_hw: tuple[int, int], spec: VariantSpec) -> tuple[int, int]:
    """Return ``(height, width)`` in pixels if all levels of the variant exist at that size.

    Raises:
        ValueError: saying what is wrong and which size would work.
    """
    where = f"input_hw={input_hw!r} for {spec.name}"
    sizes = tuple(input_hw) if isinstance(input_hw, (tuple, list)) else ()
    if len(sizes) == 3 and sizes[2] != 3:
        raise ValueError(
            f"{where}: expected RGB, 3 channels, got {sizes[2]}. Pass (height, width); convert images to RGB."
        )
    if len(sizes) not in (2, 3) or any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s in sizes[:2]):
        raise ValueError(f"{where}: expected (height, width), two whole numbers of pixels, 1 or more.")
    if max(sizes[:2]) < spec.smallest_side:
        raise ValueError(
            f"{where}: the image is so small that level {spec.max_level} vanishes (it would equal level "
            f"{spec.max_level - 1}). Expected a height or width of at least {spec.smallest_side} pixels."
        )
    return sizes[0], sizes[1]


def build_efficientdet(
    variant: str, num_classes: int, input_hw: tuple[int, int], *, seed: int | None = None, **kwargs: Any
) -> EfficientDet:
    """Return a randomly initialised EfficientDet.

    Args:
        variant: ``d0`` to ``d7``, ``d7x``, ``lite0`` to ``lite4``, ``lite3x``.
        num_classes: classes, not counting background.
        input_hw: (height, width) of the images, pixels; any size works, ``variant_spec(variant).input_hw`` is the
            published one.
        seed: seeds the drop-connect draws; None picks one. Weights follow ``keras.utils.set_random_seed``.
        **kwargs: ``name`` and ``dtype`` (such as ``"mixed_float16"``) of the Keras model.

    Returns:
        A model from images ``[b, height, width, 3]``, float32 RGB, normalised with the variant's ``pixel_mean`` and
        ``pixel_std``, to ``{"class_logits": [b, anchors, num_classes], "box_codes": [b, anchors, 4]}``, float32.
        Anchors are in the order of ``kittidet.model.anchors.build_anchors``; codes are (ty, tx, th, tw).

    Raises:
        ValueError: if the variant is unknown, or the number of classes or the size is invalid.
    """
    return EfficientDet(variant, num_classes, input_hw, seed=seed, **kwargs)
