"""What is different since a version was made: its data, its settings, or the code."""

from collections.abc import Sequence
from dataclasses import dataclass

from kittidet.registry.records import ModelVersion


@dataclass(frozen=True, slots=True)
class Origin:
    """What a training would be made from, as digests.

    Attributes:
        data: of every image and label.
        settings: of what decides the result.
        code: of the versions of all steps; None where a run did not record it.
    """

    data: str
    settings: str
    code: str | None

    @classmethod
    def of(cls, version: ModelVersion) -> "Origin":
        """Return what a registered version was made from."""
        return cls(version.lineage.data, version.lineage.config, version.lineage.code)

    def differs_from(self, other: "Origin") -> tuple[str, ...]:
        """Return what of it differs: some of ``data``, ``settings``, ``code``; empty if nothing does."""
        return tuple(name for name in ("data", "settings", "code") if getattr(self, name) != getattr(other, name))


def made_before(origin: Origin, versions: Sequence[ModelVersion], champion: ModelVersion) -> ModelVersion | None:
    """Return the newest version of the same origin that is the champion or came after it; None if there is none.

    A challenger that was kept out last week is not trained and compared again this week.
    """
    since = [v for v in versions if v.version >= champion.version]
    return next((v for v in reversed(since) if not origin.differs_from(Origin.of(v))), None)
