"""What the registry writes down: a version with all it was made from, a move of the champion, and a decision.

Records of a later version of this program may hold more; what is not known here is passed over.
"""

import getpass
import os
import platform
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


def new_writer() -> str:
    """Return a name for one write: who on which machine, and a part that no other write has."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid())
    return f"{user}@{platform.node()} process {os.getpid()} {uuid.uuid4().hex}"


def said_writer(writer: str) -> str:
    """Return who wrote something, as a person says it."""
    return writer.rpartition(" ")[0] or writer


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    writer: str = Field(default_factory=new_writer)
    date: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))


class Metric(BaseModel):
    """One score with its bootstrap interval over the validation frames, all 0..1; None without ground truth."""

    model_config = ConfigDict(frozen=True)

    value: float | None
    low: float | None = None
    high: float | None = None


class Lineage(BaseModel):
    """What a version was made from: digests of content, as the steps of the pipeline know them.

    Attributes:
        data: of every image and label of the data set.
        split: of both lists of frames.
        train_records: of the records trained on.
        val_records: of the records scored on.
        config: of the settings that decide the result, no paths among them.
        code: of the versions of all steps; None in runs of a version that did not record it.
        commit: of the working directory at publishing.
        started_from: the initial weights, in words.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    data: str
    split: str
    train_records: str | None = None
    val_records: str | None = None
    config: str
    code: str | None = None
    commit: str
    started_from: str


class ModelVersion(_Record):
    """One finished run in the registry.

    Attributes:
        model: its name.
        version: its number, from 1.
        run_digest: identity of the run; registering it again finds this version.
        run_path: where the run's folder was, absolute.
        checkpoint: digest of the checkpoint with the best AP.
        parent: the version whose weights training started from; None: from elsewhere.
        lineage: what it was made from.
        metrics: ``ap``, ``ap50``, ``ap75``.
        per_class_ap: by class name.
        confidence: share of draws inside the intervals.
        n_train: frames trained on.
        n_val: frames scored on.
        variant: of EfficientDet.
        input_hw: of the network, pixels.
        is_synthetic: whether its data are synthetic scenes.
        files: of the run's folder, by name -> sha256, which is the key of their bytes.
    """

    model: str
    version: int
    run_digest: str
    run_path: str
    checkpoint: str
    parent: int | None = None
    lineage: Lineage
    metrics: Mapping[str, Metric]
    per_class_ap: Mapping[str, Metric]
    confidence: float
    n_train: int
    n_val: int
    variant: str
    input_hw: tuple[int, int]
    is_synthetic: bool
    files: Mapping[str, str]


class Promotion(_Record):
    """A version became the champion.

    Attributes:
        number: of the move, from 1.
        model: whose champion.
        version: the new champion.
        replaced: the champion before; None for the first.
        action: rollback: back to the champion before, which ``promote`` can be applied to again.
        reason: one sentence.
    """

    number: int
    model: str
    version: int
    replaced: int | None
    action: Literal["promote", "rollback"]
    reason: str


class Decision(_Record):
    """A challenger was compared with the champion.

    Attributes:
        look: how many comparisons of this model there were, this one included.
        model: its name.
        champion: version in use.
        challenger: version that was compared with it.
        promote: whether the challenger takes its place.
        rule: better or not_worse.
        margin: how much worse it may be, AP 0..1; 0 for better.
        level: chance of a false promotion that this comparison was allowed.
        difference: AP of the challenger minus that of the champion, 0..1.
        lower_bound: what the true difference exceeds at that level.
        upper_bound: what the true difference to the champion stays below at that level; None in decisions of a version
            that did not ask.
        n_frames: frames both were scored on.
        sentence: the decision and its reason, for people.
    """

    look: int
    model: str
    champion: int
    challenger: int
    promote: bool
    rule: Literal["better", "not_worse"]
    margin: float
    level: float
    difference: float
    lower_bound: float
    upper_bound: float | None = None
    n_frames: int
    sentence: str
