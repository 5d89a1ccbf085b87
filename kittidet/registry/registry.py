"""The registry of a store: its models, their versions, and which of them is the champion.

Every change is one object that is written whole or not at all, so that a killed promotion leaves the old champion and
of two at once one wins. How a run becomes a version is left to `register`.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from kittidet.errors import PromotionLostError, RegistryError
from kittidet.object_store import ObjectStore
from kittidet.registry.objects import ObjectFolder, Objects, append_record, numbers, read_record, read_records
from kittidet.registry.records import Decision, ModelVersion, Promotion, said_writer
from kittidet.store_place import local_folder, store_place

# A name is one part of a key.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Registry:
    """The models registered beside the step outputs of a store.

    Args:
        store: its folder or URL; the registry is what begins with ``registry/`` there.

    Attributes:
        objects: the registry's own.
        folder: on this machine, for what was pulled out of it.

    Raises:
        ValueError: on a URL of another kind.
    """

    def __init__(self, store: Path | str) -> None:
        place = store_place(store)
        self.folder = local_folder(place) / "registry"
        is_url = isinstance(place, str)
        self.objects: Objects = ObjectStore(f"{place}/registry") if is_url else ObjectFolder(self.folder)

    def models(self) -> list[str]:
        """Return the names of all models, sorted."""
        return self.objects.names("models")

    def versions(self, model: str) -> list[ModelVersion]:
        """Return every version of a model, oldest first; none of a model that is not known."""
        return read_records(self.objects, _folder(model, "versions"), ModelVersion)

    def version(self, model: str, number: int) -> ModelVersion:
        """Return one version.

        Raises:
            RegistryError: naming what there is, if that is not there.
        """
        folder = _folder(model, "versions")
        known = numbers(self.objects, folder)
        if number not in known:
            there = f"versions {known[0]} to {known[-1]}" if known else "no version"
            others = "" if known else f"; models: {', '.join(self.models()) or 'none'}"
            raise RegistryError(
                f"{self.objects.root}: model {model!r} has no version {number}, there is {there}{others}. "
                "See `kittidet models list`."
            )
        return read_record(self.objects, folder, number, ModelVersion)

    def add(self, model: str, make: Callable[[int], ModelVersion]) -> ModelVersion:
        """Return the version that ``make`` builds for the next free number.

        Raises:
            RegistryError: if the registry cannot be written.
        """
        return append_record(self.objects, _folder(model, "versions"), make)

    def history(self, model: str) -> list[Promotion]:
        """Return every move of the champion, oldest first."""
        return read_records(self.objects, _folder(model, "aliases/champion"), Promotion)

    def champion(self, model: str) -> ModelVersion | None:
        """Return the version in use, or None where none was ever promoted."""
        last = self._last_move(model)
        return None if last is None else self.version(model, last.version)

    def promote(
        self, model: str, version: int, *, reason: str, expected: int | Literal["current"] | None = "current"
    ) -> Promotion:
        """Return the move that makes a version the champion; the last one where it is the champion already.

        Args:
            model: the model.
            version: one of its versions.
            reason: one sentence, for the history.
            expected: the champion that the version was compared with; None: there must be none. ``current``: whichever
                there is now.

        Raises:
            RegistryError: if there is no such version.
            PromotionLostError: if another promotion came first; it says which.
        """
        self.version(model, version)
        last = self._last_move(model)
        current = None if last is None else last.version
        if last is not None and current == version:
            return last
        if expected not in {"current", current}:
            raise self._lost(model, version, expected)
        return self._move(model, version, last, "promote", reason)

    def rollback(self, model: str, *, reason: str) -> Promotion:
        """Return the move back to the champion before; of several in a row each goes one further back.

        Raises:
            RegistryError: if there was none before.
            PromotionLostError: if another promotion came first.
        """
        moves = self.history(model)
        standing = _standing(moves)
        if len(standing) < 2:
            raise RegistryError(
                f"{self.objects.root}: model {model!r} has no champion before "
                f"{f'version {standing[0]}' if standing else 'any'}: nothing to go back to. "
                "Promote another version by its number; see `kittidet models list`."
            )
        return self._move(model, standing[-2], moves[-1], "rollback", reason)

    def decisions(self, model: str) -> list[Decision]:
        """Return every comparison of a challenger with the champion, oldest first."""
        return read_records(self.objects, _folder(model, "decisions"), Decision)

    def decide(self, model: str, make: Callable[[int], Decision]) -> Decision:
        """Return the decision that ``make`` builds for the next look.

        Raises:
            RegistryError: if the registry cannot be written.
        """
        return append_record(self.objects, _folder(model, "decisions"), make)

    def _last_move(self, model: str) -> Promotion | None:
        folder = _folder(model, "aliases/champion")
        known = numbers(self.objects, folder)
        return read_record(self.objects, folder, known[-1], Promotion) if known else None

    def _move(
        self,
        model: str,
        version: int,
        last: Promotion | None,
        action: Literal["promote", "rollback"],
        reason: str,
    ) -> Promotion:
        seen, replaced = (0, None) if last is None else (last.number, last.version)

        def make(number: int) -> Promotion:
            if number != seen + 1:
                raise self._lost(model, version, replaced)
            return Promotion(
                number=number, model=model, version=version, replaced=replaced, action=action, reason=reason
            )

        return append_record(self.objects, _folder(model, "aliases/champion"), make)

    def _lost(self, model: str, version: int, expected: int | str | None) -> PromotionLostError:
        last = self._last_move(model)
        won = (
            "there is no champion"
            if last is None
            else f"version {last.version} became the champion at {last.date:%Y-%m-%d %H:%M:%S} UTC "
            f"({said_writer(last.writer)}: {last.reason})"
        )
        was = "none" if expected is None else f"version {expected}"
        return PromotionLostError(
            f"{model}: version {version} is not promoted: the champion was expected to be {was}, but {won}. "
            "Compare with the champion there is now, then promote again."
        )


def _standing(moves: Sequence[Promotion]) -> list[int]:
    """Return the champions that a rollback can go through, the present one last."""
    standing: list[int] = []
    for move in moves:
        if move.action == "promote":
            standing.append(move.version)
        else:
            standing.pop()
    return standing


def _folder(model: str, part: str) -> str:
    if not _NAME.fullmatch(model):
        raise RegistryError(f"{model!r} is no name of a model: expected letters, digits, dots, dashes, underscores.")
    return f"models/{model}/{part}"
