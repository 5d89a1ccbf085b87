# ruff: noqa: PLC0415  read on both sides: only the peer's interpreter imports torch
"""effdet (PyTorch), which is no dependency of this project: which interpreter has it, its network, its training step.

Install `effdet`, `timm`, `torch` and `torchvision` into another environment and pass its interpreter as
`--peer-python`, or set KITTIDET_PEER_PYTHON. What a benchmark runs there imports nothing of `kittidet`.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any


def add_peer_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--peer-python``."""
    parser.add_argument(
        "--peer-python", default=os.environ.get("KITTIDET_PEER_PYTHON"), help="an interpreter that has effdet"
    )


def find_peer(options: argparse.Namespace) -> str | None:
    """Return the interpreter that has effdet: the one given, or this one; None where neither."""
    here = all(find_spec(name) for name in ("torch", "effdet"))
    return options.peer_python or (sys.executable if here else None)


def build_effdet(variant: str, num_classes: int, input_hw: Sequence[int], **more: object) -> Any:
    """Return effdet's network with random weights; its ``config`` has what is given.

    Args:
        variant: such as ``d0``; with TensorFlow's padding.
        num_classes: of the class head.
        input_hw: height and width, pixels.
        more: of its configuration, such as ``anchor_scale``.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # Its compiled operators are of another torch; effdet needs only their names.
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from effdet import EfficientDet, get_efficientdet_config

    config = get_efficientdet_config(f"tf_efficientdet_{variant}")
    for name, value in {"num_classes": num_classes, "image_size": tuple(input_hw), **more}.items():
        # A name that effdet does not know would be taken without a word.
        if name not in config:
            raise SystemExit(f"effdet's configuration has no {name}; these benchmarks are for effdet 0.4.1")
        config[name] = value
    return EfficientDet(config, pretrained_backbone=False)


def training_step(
    model: Any,
    images: Any,
    boxes_yxyx: Sequence[Any],
    class_ids: Sequence[Any],
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Callable[[], float]:
    """Return effdet's training step on one batch, with its own losses, SGD and clipping; it returns the loss.

    Args:
        model: from `build_effdet`.
        images: ``[b, 3, h, w]`` float32 normalised.
        boxes_yxyx: ``[n, 4]`` float32 input pixels, one an image.
        class_ids: ``[n]`` 1-based, one an image.
        autocast: the precision of the forward pass.
    """
    import torch
    from effdet.anchors import AnchorLabeler, Anchors
    from effdet.loss import DetectionLoss

    model.train()
    config = model.config
    labeler = AnchorLabeler(Anchors.from_config(config).to(images.device), config.num_classes, match_threshold=0.5)
    loss_of = DetectionLoss(config)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)

    def step() -> float:
        targets = labeler.batch_label_anchors(boxes_yxyx, class_ids)
        optimizer.zero_grad()
        with autocast():
            outputs = model(images)
        loss, _, _ = loss_of(*outputs, *targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        return float(loss.detach())

    return step
