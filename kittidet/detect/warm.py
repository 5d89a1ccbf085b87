"""One compiled detector kept between the checkpoints of a run.

Building a network and tracing it takes longer than scoring a small validation set with it, and the checkpoints of one
training differ in their weights alone: the last network of this process is kept and only its weights are exchanged.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from kittidet.config import EvalConfig
from kittidet.detect.checkpoint import LoadedDetector, load_detector
from kittidet.detect.predictor import Predictor


@dataclass(frozen=True, slots=True)
class WarmDetector:
    """A detector and its compiled form, for one scoring at a time.

    Attributes:
        detector: network with the weights asked for last.
        predictor: the same network, compiled.
        config: what it was compiled with.
    """

    detector: LoadedDetector
    predictor: Predictor
    config: EvalConfig


class DetectorKeeper:
    """Hands out one warm detector; asking again takes over the network of the last one where it fits."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._last: WarmDetector | None = None

    def load(self, checkpoint: Path, *, config: EvalConfig) -> WarmDetector:
        """Return the detector of a checkpoint folder, compiled; an earlier answer of this keeper is not valid any more.

        Raises:
            CheckpointMismatchError: if the folder is not a checkpoint or its weights do not fit the model it names.
        """
        last, self._last = self._last, None
        detector = load_detector(checkpoint, reuse=None if last is None else last.detector)
        if last is not None and last.detector.network is detector.network and last.config == config:
            predictor = last.predictor
        else:
            predictor = Predictor(detector, config=config)
        self._last = WarmDetector(detector, predictor, config)
        return self._last


KEEPER = DetectorKeeper()
