"""The records passed between packages: a labelled object, a frame, and the detections in a frame.

Boxes are ``xyxy`` pixels of the original image, 0-based; KITTI's name their first and last pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from kittidet.classes import DONT_CARE, ClassTable

# What a row says where a value is not known: truncation, occlusion and dimensions; angles; places.
UNKNOWN, UNKNOWN_ANGLE, UNKNOWN_PLACE = -1, -10, -1000
UNKNOWN_OCCLUSION = 3


@dataclass(frozen=True, slots=True)
class KittiObject:
    """One row of a KITTI label (or, with a score, result) file.

    Attributes:
        type: class name as written, or ``DontCare``.
        truncated: share of the object outside the image, 0..1; -1 for DontCare and results. As written: labels of
            other origin have -1 (unknown) for objects too, or the levels 0, 1, 2 of KITTI's tracking labels.
        occluded: 0 visible, 1 partly, 2 largely occluded, 3 unknown; -1 for DontCare and results. As written: see
            `occlusion_state`.
        alpha: observation angle, radians, -pi..pi; -10 where unknown.
        xyxy: left, top, right, bottom, pixels.
        dimensions_hwl: height, width, length, metres; -1 where unknown.
        location_xyz: bottom centre in camera coordinates, metres; -1000 where unknown.
        rotation_y: around the camera's y axis, radians; -10 where unknown.
        score: confidence of a detection; None in labels.
        region_of: of DontCare, the only class whose objects are not labelled there; None: no class has labels there.

    Source:
        KITTI object devkit, readme.txt, "Data Format Description".
    """

    type: str
    truncated: float
    occluded: int
    alpha: float
    xyxy: tuple[float, float, float, float]
    dimensions_hwl: tuple[float, float, float]
    location_xyz: tuple[float, float, float]
    rotation_y: float
    score: float | None = None
    region_of: str | None = None

    @classmethod
    def of_box(
        cls,
        kind: str,
        xyxy: tuple[float, float, float, float],
        *,
        score: float | None = None,
        region_of: str | None = None,
    ) -> Self:
        """Return a row of which nothing but class, box and score is known, as of DontCare regions and detections."""
        return cls(
            type=kind,
            truncated=UNKNOWN,
            occluded=UNKNOWN,
            alpha=UNKNOWN_ANGLE,
            xyxy=xyxy,
            dimensions_hwl=(UNKNOWN, UNKNOWN, UNKNOWN),
            location_xyz=(UNKNOWN_PLACE, UNKNOWN_PLACE, UNKNOWN_PLACE),
            rotation_y=UNKNOWN_ANGLE,
            score=score,
            region_of=region_of,
        )

    @property
    def is_dont_care(self) -> bool:
        """Whether this row marks a region whose objects are not labelled."""
        return self.type == DONT_CARE

    @property
    def about(self) -> str:
        """The class that the row says something of: its type, or of a region of one class that class."""
        return self.region_of or self.type

    @property
    def occlusion_state(self) -> int:
        """KITTI's state 0 to 3; whatever else other writers put there (-1, 4) is 3, unknown."""
        return self.occluded if 0 <= self.occluded < UNKNOWN_OCCLUSION else UNKNOWN_OCCLUSION


@dataclass(frozen=True, slots=True)
class Frame:
    """A labelled image: where its bytes are and what is in it.

    Attributes:
        frame_id: six digits in KITTI, e.g. ``000123``.
        image_path: the PNG file.
        size_wh: width and height of the image, pixels.
        objects: every row of the label file, DontCare included, in file order.
    """

    frame_id: str
    image_path: Path
    size_wh: tuple[int, int]
    objects: tuple[KittiObject, ...]

    def clipped(self) -> Self:
        """Return the frame with every box clipped to ``[0, width] x [0, height]``, as records and scores have them."""
        width, height = self.size_wh
        return replace(self, objects=tuple(replace(o, xyxy=_clip(o.xyxy, width, height)) for o in self.objects))

    def labelled(self, table: ClassTable) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Return boxes ``[n, 4]`` and 1-based class ids ``[n]`` of the objects in the class table, in file order."""
        pairs = [(o.xyxy, table.id_of(o.type)) for o in self.objects]
        known = [(xyxy, class_id) for xyxy, class_id in pairs if class_id is not None]
        return _box_array([xyxy for xyxy, _ in known]), np.array([class_id for _, class_id in known], dtype=np.int32)

    def dont_care_xyxy(self) -> npt.NDArray[np.float32]:
        """Return the regions in which no class is labelled ``[m, 4]``, pixels."""
        return _box_array([o.xyxy for o in self.objects if o.about == DONT_CARE])


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector found in one frame, best first.

    Attributes:
        frame_id: the frame.
        xyxy: ``[n, 4]`` float32, pixels of the original image.
        scores: ``[n]`` float32, 0..1.
        class_ids: ``[n]`` int32, 1-based ids of the detector's class table.

    Raises:
        ValueError: if the three arrays do not describe the same number of boxes.
    """

    frame_id: str
    xyxy: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    class_ids: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.xyxy.shape != (n, 4) or self.class_ids.shape != (n,) or self.scores.ndim != 1:
            raise ValueError(
                f"detections of frame {self.frame_id}: expected xyxy [n, 4], scores [n], class_ids [n], "
                f"got {self.xyxy.shape}, {self.scores.shape}, {self.class_ids.shape}"
            )

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, min_score: float) -> "Detections":
        """Return the detections with a score of ``min_score`` or more."""
        kept = self.scores >= min_score
        return Detections(self.frame_id, self.xyxy[kept], self.scores[kept], self.class_ids[kept])


def _clip(xyxy: tuple[float, float, float, float], width: int, height: int) -> tuple[float, float, float, float]:
    left, right = (min(max(x, 0.0), width) for x in xyxy[::2])
    top, bottom = (min(max(y, 0.0), height) for y in xyxy[1::2])
    return left, top, right, bottom


def _box_array(rows: Sequence[tuple[float, float, float, float]]) -> npt.NDArray[np.float32]:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)
