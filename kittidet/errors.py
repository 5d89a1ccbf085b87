"""Every exception the library raises on wrong data, and the tree they form.

    KittidetError
    ├── ConfigError               a preset, key or value in the configuration
    ├── ArchiveError              downloading, checking or unpacking an archive
    │   ├── DiskSpaceError        too little room for what is about to be written
    │   └── ServerError           a server that failed for now: a later try may succeed
    ├── LabelParseError           one line of a label or result file
    ├── DatasetContractError      a data set that breaks the contract (tree, labels, images, split)
    ├── RecordError               a TFRecord shard, its features or its manifest
    ├── StoreError                a step output that is missing, damaged or locked
    │   ├── DamagedOutputError    a step output that is not what its step wrote: the next request makes it again
    │   └── StoreServerError      an object store that cannot be reached for now: a later try may succeed
    ├── CheckpointMismatchError   weights that do not fit the model they are loaded into
    ├── TrainingError             a run that cannot continue (non-finite loss, no memory)
    ├── WorkerError               a process that did a part of a step and is gone, or a cluster that cannot be used
    ├── EvaluationError           ground truth or detections that cannot be scored
    ├── RegistryError             a model, version or alias that is not there or cannot be written
    │   └── PromotionLostError    another promotion came first
    └── ExportError               an exported model that does not match its source

Wrong data raises one of these; wrong use of a function raises ``ValueError``. A message says what is wrong, where,
what was expected, what was found, and what to do next.
"""


class KittidetError(Exception):
    """Base of all errors about data, files and runs."""


class ConfigError(KittidetError):
    """A preset, key or value of the configuration is wrong."""


class ArchiveError(KittidetError):
    """An archive could not be downloaded, checked or unpacked."""


class DiskSpaceError(ArchiveError):
    """There is too little disk space for what is about to be written."""


class ServerError(ArchiveError):
    """A server or the network failed for now; what was received is kept, and a later try may succeed."""


class LabelParseError(KittidetError):
    """A line of a KITTI label or result file does not parse."""


class DatasetContractError(KittidetError):
    """A data set breaks the contract: tree, labels, images or split."""


class RecordError(KittidetError):
    """A TFRecord shard, a feature in it, or the manifest beside it is wrong."""


class StoreError(KittidetError):
    """A step output is missing, damaged or in use."""


class DamagedOutputError(StoreError):
    """A step output is not what its step wrote; the next request of it makes it again."""


class StoreServerError(StoreError):
    """An object store could not be reached for now; what was done is kept, and a later try may succeed."""


class CheckpointMismatchError(KittidetError):
    """Weights do not fit the model they are loaded into; the message names them."""


class TrainingError(KittidetError):
    """Training cannot continue."""


class WorkerError(KittidetError):
    """A process that did a part of a step is gone, or a cluster cannot be used."""


class EvaluationError(KittidetError):
    """Ground truth or detections cannot be scored."""


class RegistryError(KittidetError):
    """A model, version or alias of the registry is not there, damaged, or cannot be written."""


class PromotionLostError(RegistryError):
    """Another promotion came first: the champion is no longer the one that was compared with."""


class ExportError(KittidetError):
    """An exported model failed to run or does not match its source."""


def first_line(error: BaseException) -> str:
    """Return the first line that says something in another library's error, or the name of its class."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
