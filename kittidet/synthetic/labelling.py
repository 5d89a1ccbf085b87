"""Derives labels from what was painted: boxes, truncation, occlusion, and DontCare regions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kittidet.classes import DONT_CARE
from kittidet.frame import KittiObject
from kittidet.synthetic.camera import Camera, observation_angle, wrap_angle
from kittidet.synthetic.canvas import OVERSAMPLING, Silhouette
from kittidet.synthetic.world import Thing

Box = tuple[float, float, float, float]

# Least share of the part inside the image that is visible, for occlusion states 0, 1 and 2. The devkit names the
# states (fully visible, partly, largely occluded, unknown) without numbers; these are ours. Below the last, an
# annotator would have to guess: 3.
OCCLUSION_SHARES = (0.95, 0.45, 0.12)
HIDDEN_SHARE = 0.04  # with less visible, or fewer than MIN_VISIBLE_PX, there is no label
MIN_VISIBLE_PX = 12.0
MIN_INSIDE_PX = 3.0  # least width and height of a box inside the image
# A box lower than this is too far to be labelled: KITTI's lowest 5 % of cars are under 19 pixels.
FAR_HEIGHT_PX = {"Car": 15.0, "Van": 18.0, "Truck": 22.0, "Tram": 22.0, "Misc": 18.0}
FAR_HEIGHT_OTHERS_PX = 24.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing and how it appears in the image.

    Attributes:
        thing: what it is and where.
        silhouette: its whole outline.
        visible: its painted pixels in the finished image.
    """

    thing: Thing
    silhouette: Silhouette
    visible: int


def label_objects(seen: Sequence[Seen], camera: Camera) -> list[KittiObject]:
    """Return labels of things given from near to far; DontCare regions come last."""
    labels: list[KittiObject] = []
    far: list[Box] = []
    for item in seen:
        box = clip_to_image(item.silhouette.xyxy, camera.size_wh)
        if box is None or item.silhouette.painted == 0:
            continue
        share = item.visible / item.silhouette.painted
        if share < HIDDEN_SHARE or item.visible < MIN_VISIBLE_PX * OVERSAMPLING**2:
            continue
        whole = item.silhouette.xyxy
        if not item.thing.labelled or whole[3] - whole[1] < FAR_HEIGHT_PX.get(item.thing.type, FAR_HEIGHT_OTHERS_PX):
            far.append(box)
        else:
            labels.append(_label(item, box, share))
    return labels + [KittiObject.of_box(DONT_CARE, box) for box in merged(far)]


def occlusion_state(visible_share: float) -> int:
    """Return KITTI's occlusion state 0..3 for the visible share of an object's part inside the image."""
    return next((state for state, least in enumerate(OCCLUSION_SHARES) if visible_share >= least), 3)


def truncation(whole: Box, inside: Box) -> float:
    """Return the share of the whole box's area that is outside the image, 0..1."""
    area = (whole[2] - whole[0]) * (whole[3] - whole[1])
    within = (inside[2] - inside[0]) * (inside[3] - inside[1])
    return min(1.0, max(0.0, 1 - within / area)) if area > 0 else 0.0


def clip_to_image(xyxy: Box, size_wh: tuple[int, int]) -> Box | None:
    """Return the box within ``[0, width - 1] x [0, height - 1]``, two decimals; None if hardly any of it is inside."""
    width, height = size_wh
    x1, y1 = round(max(xyxy[0], 0.0), 2), round(max(xyxy[1], 0.0), 2)
    x2, y2 = round(min(xyxy[2], width - 1.0), 2), round(min(xyxy[3], height - 1.0), 2)
    if x2 - x1 < MIN_INSIDE_PX or y2 - y1 < MIN_INSIDE_PX:
        return None
    return x1, y1, x2, y2


def merged(boxes: Iterable[Box], gap: float = 12.0) -> list[Box]:
    """Return the boxes, with those that touch or nearly touch merged."""
    clusters: list[Box] = []
    for box in boxes:
        joined, rest = box, []
        for other in clusters:
            near = (
                joined[0] <= other[2] + gap
                and other[0] <= joined[2] + gap
                and joined[1] <= other[3] + gap
                and other[1] <= joined[3] + gap
            )
            if near:
                joined = (
                    min(joined[0], other[0]),
                    min(joined[1], other[1]),
                    max(joined[2], other[2]),
                    max(joined[3], other[3]),
                )
            else:
                rest.append(other)
        clusters = [*rest, joined]
    return clusters


def _label(item: Seen, box: Box, share: float) -> KittiObject:
    pose = item.thing.pose
    x, y, z = pose.xyz
    turned = wrap_angle(pose.rotation_y)
    return KittiObject(
        type=item.thing.type,
        truncated=round(truncation(item.silhouette.xyxy, box), 2),
        occluded=occlusion_state(share),
        alpha=round(observation_angle(turned, x, z), 2),
        xyxy=box,
        dimensions_hwl=item.thing.hwl,
        location_xyz=(round(x, 2), round(y, 2), round(z, 2)),
        rotation_y=round(turned, 2),
    )
