"""What a model file takes and returns, and whether that is what the network takes and returns.

Files of this project name their outputs; those of others are told by their shapes. Knows no runtime: ``tflite``,
``onnx`` and ``serving`` open files and describe them here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kittidet.errors import ExportError

Array = npt.NDArray[np.generic]
Outputs = dict[str, npt.NDArray[np.float32]]
LOGITS, CODES = "class_logits", "box_codes"
_WANTED = (
    "Expected one input [b, h, w, 3], normalised images, and the outputs class_logits [b, anchors, classes] and "
    "box_codes [b, anchors, 4] before decoding and suppression, as kittidet writes them"
)


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a model file.

    Attributes:
        name: by which the runtime knows it.
        shape: None where a side is free.
        dtype: NumPy's name of its type.
        scale: of a quantised one: value = (integer - zero_point) * scale; 0 where it is not quantised.
        zero_point: see ``scale``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    def __str__(self) -> str:
        return f"{self.name} [{', '.join('?' if side is None else str(side) for side in self.shape)}] {self.dtype}"

    @property
    def is_integer(self) -> bool:
        """Whether its values are integers."""
        return np.dtype(self.dtype).kind in "iu"

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest value that a quantised one can hold."""
        info = np.iinfo(np.dtype(self.dtype))
        return (info.min - self.zero_point) * self.scale, (info.max - self.zero_point) * self.scale

    def encode(self, values: npt.NDArray[np.float32]) -> Array:
        """Return float32 values in the port's type."""
        if not self.is_integer:
            return values.astype(self.dtype)
        info = np.iinfo(np.dtype(self.dtype))
        return np.clip(np.rint(values / self.scale + self.zero_point), info.min, info.max).astype(self.dtype)

    def decode(self, values: Array) -> npt.NDArray[np.float32]:
        """Return values of the port's type as float32."""
        if not self.is_integer:
            return values.astype(np.float32)
        return ((values.astype(np.float32) - self.zero_point) * self.scale).astype(np.float32)


@dataclass(frozen=True, slots=True)
class RawModel:
    """A model file that is open, as a function from normalised images ``[b, h, w, 3]`` to ``Outputs``, float32.

    Attributes:
        path: the file or folder.
        images: its input.
        logits: the output with the classes.
        codes: the output with the boxes.
        invoke: a batch in the input's type -> name of an output -> its values.
    """

    path: Path
    images: Port
    logits: Port
    codes: Port
    invoke: Callable[[Array], Mapping[str, Array]]

    def __call__(self, images: npt.NDArray[np.float32]) -> Outputs:
        """Return ``class_logits`` ``[b, A, K]`` and ``box_codes`` ``[b, A, 4]``; image by image where it takes one."""
        parts = np.split(images, len(images)) if self.images.shape[0] == 1 else [images]
        rows = [self.invoke(self.images.encode(part)) for part in parts]
        return {
            name: np.concatenate([port.decode(row[port.name]) for row in rows])
            for name, port in ((LOGITS, self.logits), (CODES, self.codes))
        }


def fit_ports(path: Path, inputs: Sequence[Port], outputs: Sequence[Port]) -> tuple[Port, Port, Port]:
    """Return the ports of the images, the class logits and the box codes.

    Raises:
        ExportError: if the file takes or returns something else; says what.
    """

    def refuse(why: str) -> ExportError:
        has = f"in: {', '.join(map(str, inputs)) or 'nothing'}; out: {', '.join(map(str, outputs)) or 'nothing'}"
        return ExportError(f"{path}: {why}. It has {has}. {_WANTED}.")

    if len(inputs) != 1:
        raise refuse(f"it takes {len(inputs)} inputs")
    (images,) = inputs
    if len(images.shape) == 4 and images.shape[1] == 3 and images.shape[3] != 3:
        raise refuse("its images are laid out channels first [b, 3, h, w]")
    if len(images.shape) != 4 or images.shape[3] != 3:
        raise refuse("its input is no batch of RGB images")
    if images.shape[0] not in {None, 1}:
        raise refuse(f"it takes batches of {images.shape[0]} images alone")
    logits, codes = _outputs(outputs)
    if logits is None or codes is None:
        raise refuse("its outputs are not those of the network")
    for port in (images, logits, codes):
        if port.is_integer and port.scale <= 0:
            raise refuse(f"{port.name} holds integers, and the file does not say what they stand for")
        if not port.is_integer and np.dtype(port.dtype).kind != "f":
            raise refuse(f"{port.name} holds {port.dtype}")
    return images, logits, codes


def _outputs(outputs: Sequence[Port]) -> tuple[Port | None, Port | None]:
    named = {port.name: port for port in outputs}
    if LOGITS in named and CODES in named:
        return named[LOGITS], named[CODES]
    if len(outputs) != 2 or any(len(port.shape) != 3 for port in outputs) or outputs[0].shape[1] != outputs[1].shape[1]:
        return None, None
    # Of four classes both outputs look alike: then only names tell.
    codes = [port for port in outputs if port.shape[2] == 4]
    if len(codes) != 1:
        return None, None
    return next(port for port in outputs if port is not codes[0]), codes[0]
