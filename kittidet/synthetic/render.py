"""Renders one frame of a drive: paints from far to near, then reads the labels off the painted numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
import numpy.typing as npt
from PIL import Image

from kittidet.classes import KITTI_TYPES
from kittidet.frame import KittiObject
from kittidet.synthetic.camera import Camera
from kittidet.synthetic.canvas import MAX_OBJECTS, SCENERY, Canvas, Silhouette
from kittidet.synthetic.ground import paint_background
from kittidet.synthetic.labelling import Seen, label_objects
from kittidet.synthetic.lens import develop
from kittidet.synthetic.look import Look, look_of
from kittidet.synthetic.order import painting_order
from kittidet.synthetic.plan import Drive
from kittidet.synthetic.scenery import paint_scenery, scenery_of
from kittidet.synthetic.things import paint_thing, paint_thing_shadow
from kittidet.synthetic.traffic import objects_of
from kittidet.synthetic.world import Placing, Thing, camera_at, street_of


@dataclass(frozen=True, slots=True)
class Drawing:
    """A rendered frame.

    Attributes:
        image: RGB, the size of its camera.
        objects: its labels, from near to far, DontCare last.
    """

    image: Image.Image
    objects: tuple[KittiObject, ...]


def draw_frame(drive: Drive, frame: int, size_wh: tuple[int, int] | None = None) -> Drawing:
    """Return one frame of a drive; it depends only on the arguments."""
    camera, street, look = camera_at(drive, frame, size_wh), street_of(drive), look_of(drive)
    placing = Placing(drive, frame, camera, street)
    canvas = Canvas(camera, paint_background(camera, look, street, placing.s, drive.number))
    labels = _paint_and_label(canvas, placing, look)
    image = develop(canvas.finished(), look, drive.seed, 15, drive.number, frame)
    return Drawing(image=image, objects=labels)


def label_frame(drive: Drive, frame: int, size_wh: tuple[int, int] | None = None) -> tuple[KittiObject, ...]:
    """Return the labels of a frame without its image, in about half the time: for statistics."""
    camera = camera_at(drive, frame, size_wh)
    canvas = Canvas(camera, blank_background(camera))
    return _paint_and_label(canvas, Placing(drive, frame, camera, street_of(drive)), look_of(drive))


def _paint_and_label(canvas: Canvas, placing: Placing, look: Look) -> tuple[KittiObject, ...]:
    objects = objects_of(placing)
    seen = paint_things(canvas, [*objects, *scenery_of(placing, objects)], look)
    return tuple(label_objects(seen, canvas.camera))


def paint_things(canvas: Canvas, things: Sequence[Thing], look: Look) -> list[Seen]:
    """Paint things from far to near and return those of KITTI's types with their silhouettes and visible pixels.

    Raises:
        ValueError: if there are more things with a label than the number map can tell apart.
    """
    things = [things[i] for i in painting_order(things)]
    labelled = [thing for thing in things if thing.type in KITTI_TYPES]
    if len(labelled) > MAX_OBJECTS:
        raise ValueError(f"a frame can hold at most {MAX_OBJECTS} labelled things, got {len(labelled)}")
    canvas.begin(SCENERY)
    for thing in things:
        paint_thing_shadow(canvas, thing, look)
    covered: list[tuple[int, Thing, Silhouette]] = []
    for thing in things:
        share = 1 - exp(-max(0.0, thing.pose.xyz[2]) / look.haze_m)
        number = len(covered) + 1 if thing.type in KITTI_TYPES else SCENERY
        canvas.begin(number, haze=look.sky_low, haze_share=share)
        if number == SCENERY:
            paint_scenery(canvas, thing, look.light)
        else:
            paint_thing(canvas, thing, look.light)
            covered.append((number, thing, canvas.end()))
    visible = canvas.visible()
    return [Seen(thing, silhouette, visible[number]) for number, thing, silhouette in reversed(covered)]


def blank_background(camera: Camera) -> npt.NDArray[np.uint8]:
    """Return a grey background uint8 ``[height, width, 3]``, for hand-made scenes."""
    width, height = camera.size_wh
    return np.full((height, width, 3), 128, np.uint8)
