"""EfficientDet on KITTI 2D: files, labels, records, the detector, its training and its scores.

    import kittidet as kd

    detector = kd.Detector.from_coco("d0", input_hw=(384, 1280))
    found = detector.predict("frames/*.png", min_score=0.3)

The names below are the public face; each loads what it needs when it is first used, so that importing this package
loads neither TensorFlow, Keras, NumPy nor Prefect. ``docs/adr/0011-public-face.md`` says why it looks like this.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kittidet import presets
    from kittidet.api import evaluate, kitti_ap, train
    from kittidet.classes import ClassTable
    from kittidet.config import RunConfig
    from kittidet.detect.detector import Detector
    from kittidet.detect.images import ImageError
    from kittidet.errors import KittidetError
    from kittidet.frame import Detections, Frame
    from kittidet.kitti.tree import KittiTree, open_tree
    from kittidet.runs.run import Run

    __version__: str

__all__ = [
    "ClassTable",
    "Detections",
    "Detector",
    "Frame",
    "ImageError",
    "KittiTree",
    "KittidetError",
    "Run",
    "RunConfig",
    "evaluate",
    "kitti_ap",
    "open_tree",
    "presets",
    "train",
]

# A public name must not be that of a room below: importing kittidet.x sets the attribute x of this package, whatever
# stood there. That is why training is in kittidet.training, and scoring in kittidet.eval.
_HOMES = {
    "ClassTable": "classes",
    "Detections": "frame",
    "Detector": "detect.detector",
    "Frame": "frame",
    "ImageError": "detect.images",
    "KittiTree": "kitti.tree",
    "KittidetError": "errors",
    "Run": "runs.run",
    "RunConfig": "config",
    "evaluate": "api",
    "kitti_ap": "api",
    "open_tree": "kitti.tree",
    "train": "api",
}

if not TYPE_CHECKING:  # a type checker shall refuse names that are not there

    def __getattr__(name: str) -> Any:
        """Return a public name, loading what it needs."""
        if name == "__version__":
            return import_module("importlib.metadata").version("kittidet")
        if name == "presets":
            return import_module("kittidet.presets")
        if name in _HOMES:
            value = globals()[name] = getattr(import_module(f"kittidet.{_HOMES[name]}"), name)
            return value
        raise AttributeError(f"module 'kittidet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
