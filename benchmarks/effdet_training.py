# ruff: noqa: PLC0415  effdet can be imported once `build_effdet` has been called
"""effdet's own training of one seed, run by the interpreter that has effdet; `recipe_effdet.py` starts and explains it.

Reads a job (JSON), refuses a network that does not give this project's outputs, trains, and writes the raw outputs of
three sets of weights (start, last, average) on the validation images. Only files go in and out.

    python effdet_training.py JOB.json
"""

import json
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from effdet_peer import build_effdet
from PIL import Image

LARGEST_DIFFERENCE = 1e-3
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Options of effdet's train.py, at their defaults.
RATE, MOMENTUM, WEIGHT_DECAY, CLIP_NORM = 0.01, 0.9, 4e-5, 10.0
WARM_UP_RATE, LAST_RATE = 1e-4, 1e-5


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Return network input from pixels ``[b, 3, h, w]`` 0..255, as effdet's loader does on a GPU."""
    mean, std = (255 * torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return ((images.float() - mean) / std).contiguous(memory_format=torch.channels_last)


def raw_outputs(model: Any, images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return class logits ``[b, A, K]`` and box codes ``[b, A, 4]``."""
    model.eval()
    with torch.inference_mode():
        levels = model(images)
    sizes = (model.config.num_classes, 4)
    flat = [
        torch.cat([one.permute(0, 2, 3, 1).reshape(len(images), -1, size) for one in of], dim=1)
        for of, size in zip(levels, sizes, strict=True)
    ]
    return flat[0].numpy(), flat[1].numpy()


def load_start(model: Any, job: Mapping[str, Any]) -> float:
    """Load the start weights; return the largest difference of raw outputs and anchors to this project's."""
    from effdet.anchors import Anchors

    weights = {name: torch.from_numpy(array) for name, array in np.load(job["weights"]).items()}
    missed = model.load_state_dict(weights, strict=False)
    missing = [name for name in missed.missing_keys if not name.endswith("num_batches_tracked")]
    if missing or missed.unexpected_keys:
        raise SystemExit(f"weights do not fit effdet's: missing {missing}, unexpected {missed.unexpected_keys}")
    ours = np.load(job["outputs"])
    logits, codes = raw_outputs(model, torch.from_numpy(ours["image"]).permute(0, 3, 1, 2))
    anchors = Anchors.from_config(model.config).boxes.numpy()[:, [1, 0, 3, 2]]
    pairs = ((logits, ours["class_logits"]), (codes, ours["box_codes"]), (anchors, ours["anchors"]))
    largest = max(float(np.abs(a - b).max()) for a, b in pairs)
    if not largest <= LARGEST_DIFFERENCE:
        raise SystemExit(f"the networks differ by {largest:.1e} at the start; at most {LARGEST_DIFFERENCE} is expected")
    return largest


def predict(model: Any, images: list[str], batch: int) -> dict[str, np.ndarray]:
    """Return raw outputs on images resized as effdet does for validation, and the factor back to original pixels."""
    from effdet.data.transforms import transforms_coco_eval

    shown = transforms_coco_eval(model.config.image_size, interpolation="bicubic", use_prefetcher=True)
    ready = [shown(Image.open(path).convert("RGB"), {}) for path in images]
    pixels = torch.from_numpy(np.stack([image for image, _ in ready]))
    found = [raw_outputs(model, normalise(part)) for part in pixels.split(batch)]
    logits, codes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return {"class_logits": logits, "box_codes": codes, "to_original": np.array([a["img_scale"] for _, a in ready])}


def load_batches(config: Any, job: Mapping[str, Any]) -> Any:
    """Return effdet's own loading of training batches, less its copies to a GPU."""
    from effdet.anchors import AnchorLabeler, Anchors
    from effdet.data import DetectionDatset
    from effdet.data.loader import DetectionFastCollate
    from effdet.data.parsers import CocoParserCfg, create_parser
    from effdet.data.transforms import transforms_coco_train

    parser = create_parser("coco", cfg=CocoParserCfg(ann_filename=job["train"]))
    frames = DetectionDatset(Path(job["images_dir"]), parser=parser)
    frames.transform = transforms_coco_train(config.image_size, interpolation="random", use_prefetcher=True)
    labeler = AnchorLabeler(Anchors.from_config(config), config.num_classes, match_threshold=0.5)
    collate = DetectionFastCollate(anchor_labeler=labeler)
    # Whole batches alone, as on this project's side.
    return torch.utils.data.DataLoader(frames, job["batch"], shuffle=True, drop_last=True, collate_fn=collate)


def train(model: Any, job: Mapping[str, Any]) -> tuple[Any, int]:
    """Train in place; return the network of averaged weights and the number of steps."""
    from effdet.bench import DetBenchTrain
    from timm.optim import create_optimizer_v2
    from timm.scheduler import create_scheduler_v2
    from timm.utils import ModelEmaV2, dispatch_clip_grad

    bench = DetBenchTrain(model, create_labeler=False)
    batches = load_batches(model.config, job)
    optimizer = create_optimizer_v2(bench, opt="momentum", lr=RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    schedule, _ = create_scheduler_v2(
        optimizer,
        sched="cosine",
        num_epochs=job["epochs"],
        warmup_epochs=job["warmup_epochs"],
        warmup_lr=WARM_UP_RATE,
        min_lr=LAST_RATE,
        step_on_epochs=False,
        updates_per_epoch=len(batches),
    )
    average, step = ModelEmaV2(model, decay=job["ema_decay"]), 0
    for epoch in range(job["epochs"]):
        bench.train()
        losses = []
        for images, target in batches:
            loss = bench(normalise(images), target)["loss"]
            optimizer.zero_grad()
            loss.backward()
            dispatch_clip_grad(bench.parameters(), value=CLIP_NORM, mode="norm")
            optimizer.step()
            average.update(model)
            step += 1
            schedule.step_update(step)
            losses.append(loss.item())
        print(f"effdet, epoch {epoch + 1} of {job['epochs']}: loss {np.mean(losses):.3f}", flush=True)
    return average.module, step


def main() -> None:
    """Do the job."""
    job = json.loads(Path(sys.argv[1]).read_text())
    # effdet's sides of 1.4 and 0.7 are roundings; as ratios its anchors are this project's.
    anchors = {"anchor_scale": job["anchor_scale"], "aspect_ratios": [1.0, 2.0, 0.5]}
    model = build_effdet("d0", job["classes"], job["input_hw"], **anchors)
    model = model.to(memory_format=torch.channels_last)
    from timm.utils import random_seed

    random_seed(job["seed"], 0)
    difference = load_start(model, job)
    print(f"outputs of both networks at the start differ by at most {difference:.1e}", flush=True)
    found = {"start": predict(model, job["val"], job["batch"])}
    average, steps = train(model, job)
    found |= {"last": predict(model, job["val"], job["batch"]), "average": predict(average, job["val"], job["batch"])}
    named = {f"{which}/{name}": array for which, arrays in found.items() for name, array in arrays.items()}
    versions = ", ".join(f"{name} {version(name)}" for name in ("effdet", "torch", "timm"))
    np.savez(job["found"], steps=steps, difference=difference, versions=versions, **named)


if __name__ == "__main__":
    main()
