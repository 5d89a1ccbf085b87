"""The records' section of the configuration: shards, and what the labels of each type become."""

from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from kittidet.classes import DONT_CARE, ClassTable, Unlisted, class_table, label_name
from kittidet.config_types import ClassTableName, Shards
from kittidet.errors import ConfigError
from kittidet.section import Section


class OwnClasses(Section):
    """A class table of one's own; names of several words are joined by underscores, as label files hold them."""

    names: tuple[str, ...] = Field(description="class names in id order")
    merges: dict[str, str] = Field(default_factory=dict, description="type in a label -> one of the names")
    ignored: tuple[str, ...] = Field((), description="types whose boxes count as DontCare")


class RecordsConfig(Section):
    """TFRecord shards."""

    train_shards: Shards = Field(32, description="files that the training frames are divided among")
    val_shards: Shards = Field(8, description="files that the validation frames are divided among")
    classes: ClassTableName | tuple[str, ...] | OwnClasses = Field(
        "kitti8", description="class table: kitti8, kitti3, a list of names, or a mapping of names, merges, ignored"
    )

    unlisted: Unlisted = Field(
        "refuse",
        description="labels of types that classes does not list: refuse; leave_out, as if never labelled; "
        "ignore, as DontCare",
    )
    neutral: dict[str, str] = Field(
        default_factory=dict,
        description="type in a label -> class whose loss passes over its boxes, such as {Van: Car, Person_sitting: "
        "Pedestrian}, as KITTI AP does",
    )
    images: Literal["referenced", "embedded"] = Field(
        "referenced", description="referenced: the images stay files, once for all records; embedded: records hold them"
    )

    @model_validator(mode="after")
    def _check_table(self) -> "RecordsConfig":
        try:
            table = self.table()
        except ConfigError as error:
            raise ValueError(str(error)) from error
        for kind, name in self.neutral_types().items():
            if name not in table.names:
                raise ValueError(f"neutral: {kind}: {name} is none of the classes {', '.join(table.names)}")
            if table.id_of(kind) == table.id_of(name) or table.ignores(kind):
                how = "ignored for every class" if table.ignores(kind) else f"labelled as {name}"
                raise ValueError(f"neutral: {kind}: its boxes are {how}, by `classes`; take it out of one of the two")
        return self

    def neutral_types(self) -> dict[str, str]:
        """Return type -> class whose loss passes over its boxes, as label files hold the names."""
        return {label_name(kind): label_name(name) for kind, name in self.neutral.items()}

    def table(self) -> ClassTable:
        """Return the class table of the records, and so of the detector."""
        if isinstance(self.classes, str):
            return replace(class_table(self.classes), unlisted=self.unlisted)
        own = self.classes if isinstance(self.classes, OwnClasses) else OwnClasses(names=self.classes)
        if DONT_CARE in {*own.names, *own.merges}:
            raise ConfigError(f"{DONT_CARE} is no class: its boxes are regions where nothing counts.")
        return ClassTable(
            tuple(map(label_name, own.names)),
            {label_name(kind): label_name(name) for kind, name in own.merges.items()},
            tuple(map(label_name, own.ignored)),
            self.unlisted,
        )
