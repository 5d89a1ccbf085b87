"""What a person changed on the server since `up` last wrote it: of every value three are compared, and one stays.

The catalog's new value is written where the server still has what `up` wrote; else a person changed it, and it stays.
Knows nothing of Prefect: what has values is a mapping of names to JSON values, None for what is not set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kittidet.files import read_sealed, write_sealed

Facts = Mapping[str, Any]


@dataclass(slots=True)
class Memory:
    """What `up` wrote to the server the last time, and what it writes now.

    Attributes:
        last: the values written last, by the id of what has them; empty if nothing is remembered.
        now: what is to be remembered.
        kept: one line for each value that a person changed.
    """

    last: Mapping[str, Facts]
    now: dict[str, Facts] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Memory":
        """Return the memory in a file; a missing or damaged one remembers nothing, so that everything is kept."""
        return cls(last=read_sealed(path) or {})

    def write(self, path: Path) -> None:
        """Leave in a file what was written now."""
        write_sealed(path, self.now)

    def wrote(self, key: str, facts: Facts) -> None:
        """Remember what was written, whatever was there."""
        self.now[key] = dict(facts)

    def settle(self, key: str, label: str, *, has: Facts, wants: Facts) -> dict[str, Any]:
        """Return what has to be written; what a person changed is not among it, but told in `kept`.

        Args:
            key: by whose id it is remembered.
            label: what it is called in messages.
            has: the server's values.
            wants: the catalog's values.
        """
        was, writes, remembered = self.last.get(key, {}), {}, {}
        for name in sorted({*was, *has, *wants}):
            there, wanted = has.get(name), wants.get(name)
            if there == wanted:
                remembered[name] = wanted
            elif name in was and there == was[name]:
                writes[name] = remembered[name] = wanted
            else:
                # What neither side of ours ever set was not there before.
                unknown = None if was and wanted is None else there
                self.keep(label, name, there, was=was.get(name, unknown), wants=wanted)
                if name in was:
                    remembered[name] = was[name]
        self.now[key] = remembered
        return writes

    def keep(self, label: str, name: str, there: Any, *, was: Any, wants: Any) -> None:
        """Tell of a value that stays.

        Args:
            label: what has the value.
            name: of the value.
            there: the value that stays.
            was: what `up` wrote, or the same value if that is not known.
            wants: the catalog's value.
        """
        if there == was:
            line = f"{label}: {name} is {in_words(there)}, in the catalog {in_words(wants)}; kept"
        else:
            line = f"{label}: {name} was changed to {in_words(there)} in the pages; kept"
            line += "" if wants == was else f", though the catalog now has {in_words(wants)}"
        self.kept.append(line)


def in_words(value: Any) -> str:
    """Return a value as it stands in a line."""
    return "nothing" if value is None else str(value)
