"""Draws boxes on images with Pillow: labels, detections, and galleries of images.

Ground truth is drawn dashed, detections solid with their score, DontCare regions as a grey overlay. Colours belong to
class names, so a Car looks the same in every image, plot and table.
"""

from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw, ImageFont

from kittidet.classes import ClassTable
from kittidet.frame import Detections, KittiObject

Box = tuple[float, float, float, float]

# Bright enough on asphalt, and distinct enough for colour-blind readers (checked for pairs that meet on a road).
KNOWN_COLOURS = {
    "Car": "#38a1ff",
    "Vehicle": "#38a1ff",
    "Van": "#9d7bff",
    "Truck": "#ff8b3d",
    "Pedestrian": "#ff4d7d",
    "Person_sitting": "#ffa3c4",
    "Cyclist": "#1fd18c",
    "Tram": "#ffd23e",
    "Misc": "#a8b3bf",
}
_SPARE_COLOURS = ("#4dd7e8", "#c3e34f", "#e07bff", "#ff6f52", "#7fb2a0", "#d6b48a")
_VEIL = (150, 150, 150, 70)
_MARGIN = 8  # pixels between the images of a gallery
_PAPER = (24, 27, 32)


def class_colours(table: ClassTable) -> dict[str, str]:
    """Return ``#rrggbb`` per class name; KITTI's names keep theirs in every table."""
    spare = iter([name for name in table.names if name not in KNOWN_COLOURS])
    extra = {name: _SPARE_COLOURS[i % len(_SPARE_COLOURS)] for i, name in enumerate(spare)}
    return {name: KNOWN_COLOURS.get(name) or extra[name] for name in table.names}


def draw_frame(
    image: Image.Image,
    *,
    objects: Sequence[KittiObject] = (),
    detections: Detections | None = None,
    table: ClassTable,
    min_score: float,
) -> Image.Image:
    """Return a copy of an image with boxes drawn on it.

    Args:
        image: the frame at its original size, any mode.
        objects: label rows; types that the table leaves out are drawn grey, DontCare as an overlay.
        detections: what was found, boxes in pixels of ``image``.
        table: the class table of the detections.
        min_score: detections below it are left out, 0..1.

    Returns:
        An RGB image of the same size.
    """
    canvas = image.convert("RGB")
    stroke = max(1, round(canvas.width / 600))
    font = ImageFont.load_default(max(11, round(canvas.width / 88)))
    colours = class_colours(table)
    pen = ImageDraw.Draw(canvas, "RGBA")
    # Regions first and small boxes last, so that nothing is hidden by an overlay or a lorry.
    for region in (o for o in objects if o.is_dont_care):
        pen.rectangle(_ordered(region.xyxy), fill=_VEIL, outline=(200, 200, 200, 160))
    for item in sorted((o for o in objects if not o.is_dont_care), key=lambda o: -_area(o.xyxy)):
        class_id = table.id_of(item.type)
        colour = colours[table.name_of(class_id)] if class_id is not None else "#cfd4da"
        # With detections, labels are drawn paler and without a name.
        _dashed(pen, item.xyxy, colour if detections is None else _paler(colour), stroke)
        if detections is None:
            _chip(pen, item.xyxy, item.type, colour, font)
    for xyxy, score, name in _kept(detections, table, min_score):
        pen.rectangle(_ordered(xyxy), outline=colours[name], width=stroke)
        _chip(pen, xyxy, f"{name} {score:.2f}", colours[name], font)
    return canvas


def draw_gallery(items: Sequence[tuple[str, Image.Image]], *, columns: int, width: int) -> Image.Image:
    """Return one image with captioned images in a grid.

    Args:
        items: caption and image, in reading order.
        columns: images per row.
        width: of the whole gallery, pixels.

    Raises:
        ValueError: if there are no items, or the columns leave no room.
    """
    cell = (width - _MARGIN * (columns + 1)) // columns if columns > 0 else 0
    if not items or cell < 16:
        raise ValueError(f"gallery: expected items and room for them, got {len(items)} in {columns} x {width} px")
    text_px = max(11, cell // 42)
    font = ImageFont.load_default(text_px)
    strip = int(text_px * 1.7)
    scaled = [
        (text, picture.convert("RGB").resize(_fit(picture, cell), Image.Resampling.LANCZOS)) for text, picture in items
    ]
    rows = [scaled[i : i + columns] for i in range(0, len(scaled), columns)]
    heights = [max(picture.height for _, picture in row) + strip + _MARGIN for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, (text, picture) in enumerate(row):
            left = _MARGIN + column * (cell + _MARGIN)
            sheet.paste(picture, (left, top + strip))
            pen.text((left, top + strip // 2), text, fill="#e6e9ee", font=font, anchor="lm")
        top += height
    return sheet


def _kept(detections: Detections | None, table: ClassTable, min_score: float) -> Iterator[tuple[Box, float, str]]:
    """Yield box, score and name of the detections at or above a score, weakest first, so that the best are on top."""
    if detections is None:
        return
    for index in reversed(range(len(detections))):
        score = float(detections.scores[index])
        if score >= min_score:
            left, top, right, bottom = (float(v) for v in detections.xyxy[index])
            yield (left, top, right, bottom), score, table.name_of(int(detections.class_ids[index]))


def _chip(
    pen: ImageDraw.ImageDraw,
    xyxy: Box,
    text: str,
    colour: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Write a text on a coloured patch above a box, or inside it if there is no room above."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    wide, high = right - left + 6, bottom - top + 5
    x = min(max(0.0, xyxy[0]), max(0.0, pen.im.size[0] - wide))
    y = xyxy[1] - high if xyxy[1] >= high else max(0.0, xyxy[1])
    pen.rectangle((x, y, x + wide, y + high), fill=colour)
    pen.text((x + 3 - left, y + 2 - top), text, fill="#0b0e12", font=font)


def _dashed(pen: ImageDraw.ImageDraw, xyxy: Box, colour: str, stroke: int) -> None:
    left, top, right, bottom = _ordered(xyxy)
    dash = 5 * stroke
    for start in range(int(left), int(right), 2 * dash):
        for y in (top, bottom):
            pen.line((start, y, min(start + dash, right), y), fill=colour, width=stroke)
    for start in range(int(top), int(bottom), 2 * dash):
        for x in (left, right):
            pen.line((x, start, x, min(start + dash, bottom)), fill=colour, width=stroke)


def _paler(colour: str) -> str:
    """Return a ``#rrggbb`` colour moved most of the way to white."""
    return "#" + bytes(round(0.35 * channel + 0.65 * 255) for channel in bytes.fromhex(colour[1:])).hex()


def _ordered(xyxy: Box) -> Box:
    """Return the box with its corners in Pillow's order, which refuses inverted ones."""
    return min(xyxy[0], xyxy[2]), min(xyxy[1], xyxy[3]), max(xyxy[0], xyxy[2]), max(xyxy[1], xyxy[3])


def _area(xyxy: Box) -> float:
    return abs((xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]))


def _fit(picture: Image.Image, width: int) -> tuple[int, int]:
    return width, max(1, round(picture.height * width / picture.width))
