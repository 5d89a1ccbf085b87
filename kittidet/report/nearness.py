"""What the page says of how near validation is to training: beside the AP, for a random split's AP misleads alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from kittidet.eval.score_text import VAL_IS_TRAIN
from kittidet.eval.subset import SubsetAp
from kittidet.kitti.nearness import NEAR_SECONDS, OTHER_DRIVE
from kittidet.report.tables import between, number

_UNKNOWN = (
    "The data lack KITTI's mapping of frames to drives, so it is unknown whether frames of one drive are in both train "
    "and validation. Add the devkit's mapping folder to the data, or use the chen split."
)


def describe_nearness(summary: Mapping[str, Any], groups: Sequence[SubsetAp]) -> dict[str, Any]:
    """Return title, text and whether all is fine: how near validation is to training, and what to think of the AP.

    Args:
        summary: of the run.
        groups: AP of the validation frames by how near they are; empty in runs that did not measure it.
    """
    leakage, nearness, n_val = summary["leakage"], summary.get("nearness"), summary["n_val"]
    if summary.get("val_is_train"):
        return _told(
            "Validation is training.",
            f"The detector was {VAL_IS_TRAIN}, all {n_val:,} of them. AP says how well these were learned, and nothing "
            "of how well objects are found in other images.",
        )
    if leakage is None:
        return _told("Leakage is unknown.", _UNKNOWN) if nearness is None else _describe_alike(nearness, groups)
    shared, share = leakage["shared_val_frames"], leakage["share"]
    if not shared:
        text = f"None of the {n_val:,} validation frames comes from a drive in the training set."
        return _told("No leakage.", text, fine=True)
    away = ""
    if nearness is not None:
        away = (
            f"; the nearest training frame is {nearness['median']:g} s away in the median, and at most "
            f"{NEAR_SECONDS:g} s for {nearness['near'] / n_val:.0%} of all"
        )
    return _told(
        f"{share:.0%} leakage.",
        f"{shared:,} of {n_val:,} validation frames come from a drive that is also in the training set{away}. AP on "
        f"this split is higher than on unseen roads. {_unseen_text(groups)}",
    )


def nearness_tiles(summary: Mapping[str, Any], groups: Sequence[SubsetAp]) -> list[dict[str, str]]:
    """Return what stands beside AP in the headline; nothing where no validation frame's drive is in training."""
    leakage, nearness = summary["leakage"], summary.get("nearness")
    if summary.get("val_is_train"):
        return [{"value": "-", "label": f"AP on new images: not known, {VAL_IS_TRAIN}"}]
    if leakage is None:
        if nearness is None:
            return [{"value": "?", "label": "leakage: it is unknown whether validation shares drives with training"}]
        _, others = groups or (None, None)
        return [
            _ap_tile(others, "AP where validation does not look like training"),
            {
                "value": f"{nearness['near'] / max(nearness['frames'], 1):.0%}",
                "label": "of validation frames look like a training frame",
            },
        ]
    if not leakage["shared_val_frames"]:
        return []
    away = f", the nearest frame {nearness['median']:g} s away (median)" if nearness is not None else ""
    return [
        _ap_tile(_other_drives(groups), "AP on drives not in training"),
        {"value": f"{leakage['share']:.0%}", "label": f"of validation frames share a drive with training{away}"},
    ]


def nearness_table(groups: Sequence[SubsetAp]) -> dict[str, Any] | None:
    """Return AP of the validation frames by how near they are to training; None where that is not known."""
    if not groups:
        return None
    return {
        "title": "AP by distance to training",
        "header": ("validation frames", "frames", "objects", "AP", "interval", "AP50"),
        "rows": [
            (
                one.name,
                f"{one.frames:,}",
                f"{one.objects:,}",
                _score(one.ap),
                between(one.interval, 2),
                _score(one.ap50),
            )
            for one in groups
        ],
        "note": "COCO AP of these frames alone, over the classes that they have. Seconds are between frames of one "
        "drive. Frames look alike if at most a fifth of the bits of their perceptual hashes differ.",
    }


def _describe_alike(nearness: Mapping[str, Any], groups: Sequence[SubsetAp]) -> dict[str, Any]:
    near, frames = nearness["near"], nearness["frames"]
    scores = ""
    if near and groups:
        alike, others = groups
        scores = (
            f" AP on these is {_score(alike.ap)}, on the others {_score(others.ap)}: the latter is nearer to what new "
            "images will give."
        )
    return _told(
        f"{near / max(frames, 1):.0%} near-duplicates." if near else "No near-duplicates, but drives are unknown.",
        f"No drives are known, so the images were compared: {near:,} of {frames:,} validation frames look like a "
        f"training frame.{scores} Frames of one drive that do not look alike are not found this way: AP may still be "
        "higher than on unseen roads.",
    )


def _unseen_text(groups: Sequence[SubsetAp]) -> str:
    if not groups:
        return "The drive and chen splits have no leakage."
    other = _other_drives(groups)
    if other is None or other.ap is None:
        return "No validation frame is of another drive, so how much is unknown: use the drive or chen split."
    return (
        f"On the {other.frames:,} frames of other drives it is {other.ap:.3f} ({between(other.interval, 3)}): expect "
        "that on new roads. The drive and chen splits have such frames alone."
    )


def _other_drives(groups: Sequence[SubsetAp]) -> SubsetAp | None:
    return next((one for one in groups if one.name == OTHER_DRIVE), None)


def _ap_tile(group: SubsetAp | None, label: str) -> dict[str, str]:
    if group is None:
        return {"value": "-", "label": f"{label}: not measured in this run"}
    if group.ap is None:
        return {"value": "-", "label": f"{label}: no validation frame is of that kind"}
    return {
        "value": number(group.ap, 3),
        "label": f"{label}, {between(group.interval, 3)}, {group.frames:,} frames",
    }


def _score(value: float | None) -> str:
    return "-" if value is None else number(value, 3)


def _told(title: str, text: str, *, fine: bool = False) -> dict[str, Any]:
    return {"fine": fine, "title": title, "text": text}
