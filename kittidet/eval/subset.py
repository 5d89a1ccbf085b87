"""AP of some of the frames, by the matching of all: equal to scoring these frames alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from kittidet.eval.bootstrap import all_class_ap, draw_weights, interval_of, mean_ap
from kittidet.eval.matches import Matches


@dataclass(frozen=True, slots=True)
class SubsetAp:
    """COCO AP of a group of frames.

    Attributes:
        name: of the group.
        frames: how many it has.
        objects: labelled in them.
        ap: mean over classes and IoU .50:.95, 0..1; None without objects.
        ap50: at IoU .50.
        interval: of AP, by bootstrap over the group's frames; None without objects.
    """

    name: str
    frames: int
    objects: int
    ap: float | None
    ap50: float | None
    interval: tuple[float, float] | None


def ap_of_subsets(
    matches: Matches,
    image_ids: Mapping[str, int],
    subsets: Mapping[str, Collection[str]],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[SubsetAp, ...]:
    """Return the AP of each group of frames.

    Args:
        matches: of all frames' detections.
        image_ids: frame id -> COCO image id.
        subsets: name -> frame ids.
        resamples: bootstrap draws.
        confidence: share of draws inside an interval, 0..1.
        seed: of the draws.
    """
    place = {image_id: position for position, image_id in enumerate(matches.image_ids.tolist())}
    found = []
    for name, frame_ids in subsets.items():
        places = [place[image_ids[frame_id]] for frame_id in frame_ids]
        objects = sum(int(one.labels[places].sum()) for one in matches.classes)
        if not objects:
            found.append(SubsetAp(name, len(places), 0, None, None, None))
            continue
        # The first "draw" is the group as it is.
        weights = np.zeros((resamples + 1, len(place)), dtype=np.int64)
        weights[0, places] = 1
        weights[1:, places] = draw_weights(len(places), resamples=resamples, seed=seed)
        by_class = all_class_ap(matches, weights)  # [classes, 1 + draws, 10]
        ap, ap50 = mean_ap(by_class.mean(axis=2)), mean_ap(by_class[:, :1, 0])
        found.append(
            SubsetAp(name, len(places), objects, float(ap[0]), float(ap50[0]), interval_of(ap[1:], confidence))
        )
    return tuple(found)
