"""The devkit's mapping from training images to the drives (videos) they were taken from.

Source:
    KITTI object devkit, readme.txt, "Mapping to Raw Data": image i (0-based) has the 1-based index given by entry i of
    `train_rand.txt` (comma-separated), and that line of `train_mapping.txt` is ``date drive frame``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from kittidet.errors import DatasetContractError

RAND = "train_rand.txt"
MAPPING = "train_mapping.txt"
MAPPING_FILES = (RAND, MAPPING)

_LINE = re.compile(r"\d{4}_\d{2}_\d{2} (\d{4}_\d{2}_\d{2}_drive_\d+_\w+) (\d+)", re.ASCII)

# KITTI's cameras: the raw recordings' readme.
FRAMES_PER_SECOND = 10


@dataclass(frozen=True, slots=True)
class Moment:
    """When an image was taken.

    Attributes:
        drive: e.g. ``2011_09_26_drive_0005_sync``.
        frame: number in the drive, ten a second.
    """

    drive: str
    frame: int


def read_moments(mapping_dir: Path) -> dict[str, Moment]:
    """Return frame id (six digits) -> drive and number in it, for every mapped image.

    Raises:
        DatasetContractError: naming file and line, if the two files do not match each other.
    """
    rand_path, mapping_path = mapping_dir / RAND, mapping_dir / MAPPING
    # A trailing newline and line breaks between entries are tolerated; an empty entry elsewhere is not.
    entries = [entry.strip() for entry in _read(rand_path).strip().rstrip(",").split(",")]
    lines = _read(mapping_path).splitlines()
    moments: dict[str, Moment] = {}
    seen: dict[int, int] = {}
    for image, entry in enumerate(entries):
        where = f"{rand_path}: entry {image + 1}"
        if not re.fullmatch(r"[0-9]+", entry) or not 1 <= int(entry) <= len(lines):
            raise DatasetContractError(
                f"{where}: expected a line number 1..{len(lines)} of {MAPPING}, got {entry!r}. "
                "Unpack devkit_object.zip again."
            )
        number = int(entry)
        if number in seen:
            raise DatasetContractError(
                f"{where}: expected a permutation, got {number}, which is also entry {seen[number] + 1}. "
                "Unpack devkit_object.zip again."
            )
        seen[number] = image
        match = _LINE.fullmatch(lines[number - 1].strip())
        if match is None:
            raise DatasetContractError(
                f"{mapping_path}:{number}: expected 'date drive frame', got {lines[number - 1][:60]!r}. "
                "Unpack devkit_object.zip again."
            )
        moments[f"{image:06d}"] = Moment(match.group(1), int(match.group(2)))
    return moments


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetContractError(
            f"{path}: cannot read the mapping: {error}. Unpack devkit_object.zip again."
        ) from error
