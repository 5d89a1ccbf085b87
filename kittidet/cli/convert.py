"""``kittidet convert``: KITTI labels to COCO or YOLO, COCO or YOLO to KITTI."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kittidet.classes import CLASS_TABLES, table_of
from kittidet.errors import ConfigError


def convert(
    source: Annotated[Path, typer.Argument(help="a KITTI tree, a COCO JSON file, or YOLO's data.yaml")],
    out: Annotated[Path, typer.Option("--out", help="the folder to create; must not exist")],
    to: Annotated[Literal["coco", "yolo", "kitti"], typer.Option("--to", help="format to write")] = "kitti",
    source_format: Annotated[
        Literal["kitti", "coco", "yolo"] | None,
        typer.Option("--from", help="of the source; default: by file type"),
    ] = None,
    images: Annotated[
        Literal["link", "copy", "none"],
        typer.Option("--images", help="link to the images, copy them, or leave them out"),
    ] = "link",
    images_dir: Annotated[Path | None, typer.Option("--images-dir", help="from coco: folder of the images")] = None,
    lists: Annotated[
        list[Path] | None, typer.Option("--list", help="frame ids, one per line; the file is named after the split")
    ] = None,
    classes: Annotated[
        str, typer.Option("--classes", help="yolo: class table, or own names joined by commas")
    ] = "kitti8",
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", help="from coco: category=Type; car, person, truck and train are built in"),
    ] = None,
) -> None:
    """Convert labels, and report what the target format cannot hold.

    KITTI to COCO and back gives the same bytes. YOLO keeps only class and box.
    """
    from kittidet.convert.coco import KITTI_OF_COCO  # only when asked, so that --help is fast
    from kittidet.convert.to_tree import coco_to_tree, write_tree, yolo_images
    from kittidet.convert.trees import tree_to_coco, tree_to_yolo
    from kittidet.kitti.lists import read_ids
    from kittidet.kitti.tree import open_tree

    if source_format is None:
        source_format = "kitti" if not source.is_file() else "yolo" if source.suffix in {".yaml", ".yml"} else "coco"
    if (source_format == "kitti") == (to == "kitti"):
        raise ConfigError(
            f"convert {source}: expected KITTI --to coco or --to yolo, or --from coco or --from yolo (to KITTI); "
            f"got {source_format} to {to}."
        )
    if source_format == "yolo":
        made = write_tree(yolo_images(source), out, images=images)
    elif source_format == "coco":
        class_map = {**KITTI_OF_COCO, **_parse_map(mapped or [])}
        mode = "none" if images_dir is None else images
        made = coco_to_tree(source, images_dir, out, class_map=class_map, images=mode)
    else:
        tree = open_tree(source)
        splits = {path.stem: list(read_ids(path)) for path in lists or []} or {"all": list(tree.frame_ids)}
        if to == "coco":
            made = tree_to_coco(tree, out, splits=splits, images=images)
        else:
            table = table_of(classes if classes in CLASS_TABLES else classes.split(","))
            made = tree_to_yolo(tree, out, splits=splits, images=images, table=table)
    typer.echo(f"{made.frames} frames, {made.objects} rows -> {made.path}")
    typer.echo("nothing was lost" if not made.lost else "lost in conversion:")
    for sentence, count in made.lost.items():
        typer.echo(f"  {count:>7}  {sentence}")


def _parse_map(pairs: list[str]) -> dict[str, str]:
    parsed = {}
    for pair in pairs:
        name, equals, kind = pair.rpartition("=")
        if not equals or not name or not kind:
            raise ConfigError(f"--map {pair!r}: expected category=Type, for example --map 'bus=Truck'.")
        parsed[name] = kind
    return parsed
