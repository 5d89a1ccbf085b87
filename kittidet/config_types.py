"""The values that configuration keys hold: what is a share, a count, a seed, a path, and how large each may be.

An upper limit stands where a larger value has no use and would end in a full memory, an endless run or an overflow: a
typing error is then said at once, by the name of its key.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from kittidet.masking import USER_INFO
from kittidet.store_place import store_place

# Variants are listed here, not in `model`, so that `--help` and the checks need no Keras.
VARIANTS = (
    "d0",
    "d1",
    "d2",
    "d3",
    "d4",
    "d5",
    "d6",
    "d7",
    "d7x",
    "lite0",
    "lite1",
    "lite2",
    "lite3",
    "lite3x",
    "lite4",
)
# No image with a longer side is read anywhere: a file of a few bytes may declare enough pixels to fill the memory.
MAX_SIDE_PX = 8192
# What the data contract and prediction accept unless told otherwise: smallest and largest side, pixels.
SIDE_PX = (32, MAX_SIDE_PX)
# A network's input whose longer side is no more has no level 7.
MIN_LONG_SIDE_PX = 64
# Of a run's folder. File systems allow 255 bytes, of which what is written beside it needs some.
MAX_NAME = 100
# What Linux opens: bytes of a path, and of one name in it.
_MAX_PATH_BYTES = 4095
_MAX_PART_BYTES = 255


def _check_variant(name: str) -> str:
    if name not in VARIANTS:
        raise ValueError(f"unknown variant {name!r}, expected one of {', '.join(VARIANTS)}")
    return name


def _check_path(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path cannot hold a NUL character")
    if path.parts[:1] == ("~",):
        raise ValueError("`~` is not your home here, which may be another on the machine of a worker; write the path")
    if len(str(path).encode(errors="surrogatepass")) > _MAX_PATH_BYTES or any(
        len(part.encode(errors="surrogatepass")) > _MAX_PART_BYTES for part in path.parts
    ):
        raise ValueError(
            f"longer than a path ({_MAX_PATH_BYTES} bytes) or a name in it ({_MAX_PART_BYTES} bytes) can be"
        )
    return path


def _check_store_place(given: object) -> Path | str:
    if not isinstance(given, (str, Path)):
        raise ValueError("expected a folder, or a URL such as s3://BUCKET/PREFIX")  # noqa: TRY004  pydantic reports it
    place = store_place(given)
    return place if isinstance(place, str) else _check_path(place)


def _check_no_password(text: str) -> str:
    if USER_INFO.search(text):
        raise ValueError(
            "no user or password in an address, for it would be saved with the run; write them to ~/.netrc, or to the "
            "file that the environment variable NETRC names (machine HOST login USER password PASSWORD)"
        )
    return text


def _check_address(address: str) -> str:
    _check_no_password(address)
    if not re.match(r"https?://[^/?#]+(/|\Z)", address, re.IGNORECASE) or re.search(r"[?#\s\0]", address):
        raise ValueError("expected an address such as https://host/folder/, without ? and #")
    return address


def _check_scheduler(address: str) -> str:
    _check_no_password(address)
    if not re.fullmatch(r"(tcp|tls|ws|wss)://[^/?#\s\0]+:\d+", address):
        raise ValueError("expected the address of a Dask scheduler, such as tcp://host:8786")
    return address


# Checked where a form or a request is sent, too: what a server refuses it does not keep.
_PASSWORDLESS = r"^(?!.*://[^/\s?#]*@)"
_NO_PASSWORD = Field(json_schema_extra={"pattern": _PASSWORDLESS})
# Text of a person in which an address may stand.
NoPassword = Annotated[str, AfterValidator(_check_no_password), _NO_PASSWORD]
Address = Annotated[str, AfterValidator(_check_address), _NO_PASSWORD]
SchedulerAddress = Annotated[str, AfterValidator(_check_scheduler), _NO_PASSWORD]
LocalPath = Annotated[Path, AfterValidator(_check_path)]
# A folder, or the URL of an object store as text; in a form one field.
StorePlace = Annotated[
    Path | str,
    PlainValidator(_check_store_place),
    WithJsonSchema({"type": "string", "pattern": _PASSWORDLESS}),
]
Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
# Random generators take 32 bits.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
# Of epochs, images, frames, draws: more than a year of any of them.
Count = Annotated[int, Field(ge=1, le=1_000_000)]
# TensorFlow opens the files of a split together.
Shards = Annotated[int, Field(ge=1, le=10_000)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
# Of a term of the loss, and what else scales gradients: float16 ends at 65504.
Weight = Annotated[float, Field(ge=0, le=10_000)]
# The names as an enum of the schema as well: a form offers them as a list.
Variant = Annotated[str, AfterValidator(_check_variant), Field(json_schema_extra={"enum": [*VARIANTS]})]
ClassTableName = Literal["kitti8", "kitti3"]
SplitName = Literal["train", "val"]
