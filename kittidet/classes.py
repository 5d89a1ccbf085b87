"""Class tables: which KITTI types a detector knows, under which id, and which COCO classes they resemble.

The id contract: ids are 1-based positions in the table; 0 means "no object". Records, checkpoints, exports and
reports each carry their table, and tables that are used together must be equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from kittidet.errors import ConfigError

DONT_CARE = "DontCare"
# What becomes of the labels of types that a class table does not list.
Unlisted = Literal["refuse", "leave_out", "ignore"]
KITTI_TYPES = ("Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc")

# COCO's label map: ids 1..90 with ten gaps (-), as in the published annotations. A network for it has 90 outputs.
_COCO_LABEL_MAP = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,-,stop sign,"
    "parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,-,backpack,umbrella,-,-,"
    "handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,"
    "surfboard,tennis racket,bottle,-,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,"
    "carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,-,dining table,-,-,toilet,-,tv,laptop,mouse,"
    "remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,-,book,clock,vase,scissors,teddy bear,"
    "hair drier,toothbrush"
)
_COCO_NAMES = tuple(_COCO_LABEL_MAP.split(","))
COCO_CLASSES = len(_COCO_NAMES)
COCO_IDS: Mapping[str, int] = MappingProxyType({name: i for i, name in enumerate(_COCO_NAMES, 1) if name != "-"})
# What other data sets call COCO's classes, or what resembles them most; KITTI's types among them. Cyclist (rider and
# bicycle in one box) and Misc (a mixture) resemble none.
_COCO_SYNONYMS = {
    "person": "pedestrian,people,human,person sitting,walker",
    "bicycle": "bike,cycle,pushbike",
    "motorcycle": "motorbike,motor",
    "car": "automobile,auto,van,minivan",
    "truck": "lorry",
    "train": "tram,streetcar",
    "airplane": "aeroplane,plane,aircraft",
    "boat": "ship",
    "traffic light": "trafficlight,traffic signal",
    "fire hydrant": "hydrant",
    "stop sign": "stopsign",
    "tv": "television,tv monitor,tvmonitor",
    "couch": "sofa",
    "dining table": "diningtable",
    "potted plant": "pottedplant",
    "cell phone": "cellphone,mobile phone,phone,smartphone",
    "refrigerator": "fridge",
    "donut": "doughnut",
    "hair drier": "hair dryer",
}
_COCO_OF_PLAIN = {name: name for name in COCO_IDS} | {
    synonym: name for name, synonyms in _COCO_SYNONYMS.items() for synonym in synonyms.split(",")
}


def plain_name(name: str) -> str:
    """Return a class name to compare with others': in lower case, with spaces for what joins words."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def coco_name(name: str) -> str | None:
    """Return the COCO class that a class name means or resembles: ``Motorbike`` -> ``motorcycle``; None without one."""
    return _COCO_OF_PLAIN.get(plain_name(name))


COCO_OF_KITTI: Mapping[str, str] = MappingProxyType(
    {kind: name for kind in KITTI_TYPES if (name := coco_name(kind)) is not None}
)


@dataclass(frozen=True, slots=True)
class ClassTable:
    """An ordered set of class names; the id of a name is its position plus one.

    Attributes:
        names: class names in id order.
        merges: type -> name in this table, for types that are labelled as another class here.
        ignored: types whose boxes count as DontCare: neither right nor wrong to detect.
        unlisted: what becomes of the labels of other types: ``refuse`` (KITTI's own are left out), ``leave_out`` (as if
            they had never been labelled), or ``ignore`` as those above.

    Raises:
        ConfigError: if the table is empty, a name is repeated, a merge points at a name that is not in the table, or
            a type is both ignored and labelled.
    """

    names: tuple[str, ...]
    merges: Mapping[str, str] = field(default_factory=dict, hash=False)
    ignored: tuple[str, ...] = ()
    unlisted: Unlisted = "refuse"

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ConfigError(
                f"class table {self.names!r}: expected one or more different names. Fix `records.classes`."
            )
        unknown = sorted(set(self.merges.values()) - set(self.names))
        if unknown:
            raise ConfigError(f"class table {self.names!r}: merges point at names outside it: {unknown}.")
        both = sorted(set(self.ignored) & {*self.names, *self.merges})
        if both:
            raise ConfigError(f"class table {self.names!r}: {both} cannot be classes, for their boxes are ignored.")

    def __len__(self) -> int:
        return len(self.names)

    def id_of(self, kitti_type: str) -> int | None:
        """Return the 1-based id that a KITTI type is labelled with, or None if this table leaves it out."""
        name = self.merges.get(kitti_type, kitti_type)
        return self.names.index(name) + 1 if name in self.names else None

    @property
    def types(self) -> tuple[str, ...]:
        """The types that it has a rule for, besides DontCare; among them KITTI's own, where others are refused."""
        known = KITTI_TYPES if self.unlisted == "refuse" else ()
        return tuple(dict.fromkeys((*self.names, *self.merges, *self.ignored, *known)))

    def refuses(self, kind: str) -> bool:
        """Return whether a label of this type is an error."""
        return self.unlisted == "refuse" and kind not in {*self.types, DONT_CARE}

    def ignores(self, kind: str) -> bool:
        """Return whether boxes of this type count as DontCare."""
        return kind in self.ignored or (self.unlisted == "ignore" and kind not in {*self.types, DONT_CARE})

    def name_of(self, class_id: int) -> str:
        """Return the name of a 1-based id.

        Raises:
            ValueError: if the id is not in 1..len(self).
        """
        if not 1 <= class_id <= len(self.names):
            raise ValueError(f"class id {class_id}: expected 1..{len(self.names)} ({', '.join(self.names)})")
        return self.names[class_id - 1]

    def check_same(self, other: "ClassTable", *, here: str, there: str) -> None:
        """Return if both tables agree.

        Raises:
            ConfigError: naming both sides and both tables if they differ.
        """
        # What becomes of other labels is a matter of the data, not of the ids.
        if replace(self, unlisted="refuse").to_json() != replace(other, unlisted="refuse").to_json():
            raise ConfigError(
                f"class tables differ: {here} has {self.describe()}, {there} has {other.describe()}. "
                "Rebuild the one that is out of date; ids must mean the same thing everywhere."
            )

    def describe(self) -> str:
        """Return the names in id order, merges and ignored types if there are any, and what becomes of others."""
        merges = f" with merges {dict(self.merges)}" if self.merges else ""
        return f"{list(self.names)}{merges}{f' ignoring {list(self.ignored)}' if self.ignored else ''}{self.of_others}"

    @property
    def of_others(self) -> str:
        """What becomes of the labels of other types, to follow the names; empty where they are refused."""
        return {"refuse": "", "leave_out": "; others left out", "ignore": "; others ignored"}[self.unlisted]

    def to_json(self) -> dict[str, Any]:
        """Return ``names`` and ``merges``, ``ignored`` and ``unlisted`` where they say something, as JSON types."""
        ignored = {"ignored": list(self.ignored)} if self.ignored else {}
        unlisted = {"unlisted": self.unlisted} if self.unlisted != "refuse" else {}
        return {"names": list(self.names), "merges": dict(self.merges), **ignored, **unlisted}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ClassTable":
        """Return the table that `to_json` gave."""
        ignored, unlisted = tuple(values.get("ignored", ())), values.get("unlisted", "refuse")
        if unlisted not in get_args(Unlisted):
            raise ConfigError(f"class table: unlisted {unlisted!r}, expected one of {get_args(Unlisted)}.")
        return cls(tuple(values["names"]), dict(values["merges"]), ignored, unlisted)


KITTI8 = ClassTable(KITTI_TYPES)
KITTI3 = ClassTable(
    ("Vehicle", "Pedestrian", "Cyclist"),
    {"Car": "Vehicle", "Van": "Vehicle", "Truck": "Vehicle", "Person_sitting": "Pedestrian"},
)
CLASS_TABLES: Mapping[str, ClassTable] = MappingProxyType({"kitti8": KITTI8, "kitti3": KITTI3})


def class_table(name: str) -> ClassTable:
    """Return a published class table by name.

    Raises:
        ConfigError: listing the known names.
    """
    if name not in CLASS_TABLES:
        raise ConfigError(f"unknown class table {name!r}: expected one of {sorted(CLASS_TABLES)}.")
    return CLASS_TABLES[name]


def coco_table() -> ClassTable:
    """Return COCO's 90 ids as a class table; ids without a class are ``coco-12`` and such."""
    return ClassTable(tuple(f"coco-{i}" if name == "-" else name for i, name in enumerate(_COCO_NAMES, 1)))


def label_name(name: str) -> str:
    """Return a class name as label files can hold it, in one word: ``traffic light`` -> ``traffic_light``."""
    return "_".join(name.split())


def match_classes(ours: ClassTable, theirs: ClassTable) -> dict[int, int]:
    """Return our class id -> the id of their class that means the same; classes without one are left out.

    A name is compared without case and without what joins its words; only where none is equal, by the COCO class that
    it means. A class of ours into which types are merged also has their names, in the order of the merges.
    """
    equal: dict[str, int] = {}
    alike: dict[str | None, int] = {}
    for name in (*theirs.names, *theirs.merges):
        their_id = theirs.id_of(name)
        if their_id is not None:
            equal.setdefault(plain_name(name), their_id)
            alike.setdefault(coco_name(name), their_id)
    alike.pop(None, None)
    found: dict[int, int] = {}
    for class_id, name in enumerate(ours.names, start=1):
        types = (name, *(kind for kind, target in ours.merges.items() if target == name))
        ids = (*(equal.get(plain_name(kind)) for kind in types), *(alike.get(coco_name(kind)) for kind in types))
        their_id = next((i for i in ids if i is not None), None)
        if their_id is not None:
            found[class_id] = their_id
    return found


def table_of(classes: str | ClassTable | Sequence[str]) -> ClassTable:
    """Return the class table that a table's name (``coco`` among them), a table, or class names in id order stand for.

    Raises:
        ConfigError: on an unknown name, or names that are no table.
    """
    if isinstance(classes, ClassTable):
        return classes
    if isinstance(classes, str):
        return coco_table() if classes == "coco" else class_table(classes)
    return ClassTable(tuple(classes))
