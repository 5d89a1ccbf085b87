"""What was found in a folder of records, and its form as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class InspectionReport:
    """The contents of records, and their faults.

    Attributes:
        folder: what was inspected.
        num_shards: TFRecord files.
        num_frames: readable records.
        num_objects: labelled boxes.
        num_dont_care: DontCare regions; 0 in records by other writers.
        num_empty: frames without a labelled box.
        counts: class name -> boxes; names come from the manifest, else from the records.
        sizes: ``(width, height)`` -> frames, most frequent first.
        ranges: name -> (lowest, highest) over all records.
        first_boxes: one line each, as stored and in pixels.
        has_manifest: whether a readable ``manifest.json`` of this project is beside the shards.
        problems: what would break a reader, one line each; empty if the records are valid. At most ``max_problems`` of
            ``inspect.inspect_records`` are kept, ``num_problems`` counts all.
        num_problems: how many there are in all.
        notes: what is legal but worth a look, one line each.
    """

    folder: Path
    num_shards: int
    num_frames: int
    num_objects: int
    num_dont_care: int
    num_empty: int
    counts: Mapping[str, int]
    sizes: Mapping[tuple[int, int], int]
    ranges: Mapping[str, tuple[float, float]]
    first_boxes: tuple[str, ...]
    has_manifest: bool
    problems: tuple[str, ...]
    num_problems: int
    notes: tuple[str, ...]

    def to_text(self) -> str:
        """Return the report as lines of plain text."""
        total = (
            f"{self.folder}: {self.num_shards} shards, {self.num_frames} frames, {self.num_objects} objects, "
            f"{self.num_dont_care} DontCare regions, {self.num_empty} frames without objects, "
            f"{'with' if self.has_manifest else 'without'} manifest"
        )
        lines = [
            total,
            *_section("classes", [f"{name:<16}{count:>8}" for name, count in self.counts.items()]),
            *_section("image sizes", [f"{w}x{h}".ljust(16) + f"{count:>8}" for (w, h), count in self.sizes.items()]),
            *_section("ranges", [f"{name:<44}{low:>12.6g} .. {high:.6g}" for name, (low, high) in self.ranges.items()]),
            *_section("first boxes (xmin ymin xmax ymax, as stored, then pixels)", self.first_boxes),
            *_section("notes", self.notes),
        ]
        hidden = self.num_problems - len(self.problems)
        more = [f"... and {hidden} more"] if hidden else []
        lines += _section(f"problems: {self.num_problems}", [*self.problems, *more]) or ["problems: none"]
        return "\n".join(lines)


def _section(title: str, lines: tuple[str, ...] | list[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []
