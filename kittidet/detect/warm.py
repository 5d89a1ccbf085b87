"""One compiled detector kept between the checkpoints of a run.

Building a network and tracing it takes longer than scoring a small validation set with it, and the checkpoints of one
training differ in their weights alone: the last detector of this process is kept and only its weights are replaced.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kittidet.detect.detector import Detector

_LOCK = threading.RLock()
_KEPT: list[Detector] = []


@contextmanager
def warm_detector(path: Path) -> Iterator[Detector]:
    """Lend the detector of a checkpoint, as ``Detector.load`` reads it, to one user at a time.

    Raises:
        CheckpointMismatchError: if there is no checkpoint or its weights do not fit the model it names.
    """
    with _LOCK:
        # Taken out in the meantime, so a detector that fails halfway through loading is not used again.
        reuse = _KEPT.pop() if _KEPT else None
        detector = Detector.load(path, reuse=reuse)
        yield detector
        _KEPT[:] = [detector]
