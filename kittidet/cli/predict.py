"""``kittidet predict``: a trained detector over images, folders, patterns, videos, cameras and streams."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from kittidet.cli.log_output import without_native_output
from kittidet.cli.options import Like
from kittidet.config import EvalConfig, PredictConfig

if TYPE_CHECKING:
    from kittidet.detect.images import ImageError

Source = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE|DIR|GLOB|VIDEO|CAMERA|URL",
        help="What to predict on; quote a pattern. A camera is its number, 0 the first; Ctrl-C ends it.",
    ),
]
Model = Annotated[
    Path,
    typer.Option(
        "--model",
        "-m",
        help="Run folder (its best checkpoint), checkpoint folder, or exported model: .tflite, .onnx, DIR.",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make; default: predictions, predictions-2...")]
SaveImages = Annotated[bool, typer.Option("--save-images/--no-save-images", help="Draw the detections into images/.")]
SaveKitti = Annotated[bool, typer.Option("--save-kitti", help="Write KITTI result files into kitti/.")]
SaveJson = Annotated[bool, typer.Option("--save-json", help="Write predictions.json, COCO with scores.")]
MinScore = Annotated[float, typer.Option("--min-score", min=0, max=1, help="Draw from this score on.")]
BatchSize = Annotated[int, typer.Option("--batch", min=1, max=10_000, help="Images at a time.")]
Strict = Annotated[bool, typer.Option("--fail-on-corrupt", help="Exit 1 if an image could not be read.")]
# Up to so many batches, compiling the network takes longer than it saves.
_FEW_BATCHES = 8
_MIN_SCORE, _BATCH = PredictConfig().min_score, EvalConfig().batch_size


@without_native_output
def predict(
    source: Source,
    model: Model,
    like: Like = None,
    out: Out = None,
    save_images: SaveImages = True,
    save_kitti: SaveKitti = False,
    save_json: SaveJson = False,
    min_score: MinScore = _MIN_SCORE,
    batch: BatchSize = _BATCH,
    fail_on_corrupt: Strict = False,
) -> None:
    """Find objects in images and draw them; go on past corrupt images and list them."""
    from rich.console import Console
    from rich.progress import Progress

    from kittidet.cli.lean_import import import_tensorflow

    import_tensorflow()
    from kittidet.detect.prediction_files import check_new_folder, prediction_writer
    from kittidet.detect.sources import find_images
    from kittidet.eval.score_text import SYNTHETIC
    from kittidet.export.opened import load_detector
    from kittidet.files import next_free
    from kittidet.runs.run import is_trained_on_synthetic

    # What can be refused is refused before the model is loaded.
    images = find_images(source)
    out_dir = next_free(Path("predictions")) if out is None else check_new_folder(out)
    data = f"This detector was trained on {SYNTHETIC}.\n" if is_trained_on_synthetic(model) else ""
    detector = load_detector(model, like=like, few=images.at_most(_FEW_BATCHES * batch))
    saves = {"images": save_images, "kitti": save_kitti, "coco": save_json}
    saved = any(saves.values())
    failures: list[ImageError] = []
    times: list[tuple[float, float]] = []
    shown: Counter[str] = Counter()
    with ExitStack() as stack:
        if saved:
            write = stack.enter_context(prediction_writer(out_dir, detector.table, min_score=min_score, **saves))
        bar = stack.enter_context(Progress(console=Console(stderr=True)))
        task = bar.add_task("predict", total=images.count)
        stop = stack.enter_context(_stopped_by_ctrl_c()) if images.live else Event()

        def fail(error: "ImageError") -> None:
            failures.append(error)
            bar.advance(task)

        scoring = EvalConfig(batch_size=batch)
        for item in detector.predictor.predict_each(images.reads, config=scoring, on_failure=fail):
            bar.advance(task)
            if saved:
                write(item)
            times.append((item.read_s, item.detect_s))
            sure = item.detections.above(min_score).class_ids
            shown.update(detector.table.name_of(int(class_id)) for class_id in sure)
            if stop.is_set():
                break
    console = Console()
    counts = ", ".join(f"{name} {count}" for name, count in shown.most_common()) or "none"
    console.print(f"{data}{len(times)} images, detections from score {min_score:g} on: {counts}", soft_wrap=True)
    if times:
        console.print(describe_speed(times, batch, compiled=detector.predictor.compiled), soft_wrap=True)
    for failure in failures:
        console.print(f"could not read {failure.name}: {failure.reason}", soft_wrap=True, markup=False)
    if saved:
        console.print(f"saved in {out_dir}", soft_wrap=True, markup=False)
    else:
        console.print("nothing saved: leave out --no-save-images, or add --save-kitti or --save-json", soft_wrap=True)
    if failures and fail_on_corrupt:
        raise typer.Exit(1)


def describe_speed(times: list[tuple[float, float]], batch: int, *, compiled: bool = True) -> str:
    """Return how long an image took, the first batch apart, since the network is compiled in it.

    Args:
        times: of each image, seconds: reading and making the network's input; its share of its batch in the network.
        batch: images in a batch.
        compiled: whether the network was; for a few batches it is not, and more images would be faster each.
    """
    first, rest = times[:batch], times[batch:]
    if not compiled:
        taken = sum(detect for _, detect in times)
        return f"speed: {taken:.1f} s in the network, not compiled for so few images; more show the speed of many"
    warm_up = f"first batch {sum(detect for _, detect in first):.1f} s, with the network's compilation"
    if not rest:
        return f"speed: {warm_up}; more images than one batch show the speed after it"
    read_ms, detect_ms = (1000 * sum(part) / len(rest) for part in zip(*rest, strict=True))
    return (
        f"speed: {detect_ms:.1f} ms an image in the network and its boxes, {read_ms:.1f} ms to read and resize it (in "
        f"threads beside); {warm_up}"
    )


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[Event]:
    """Yield an event that the first Ctrl-C sets, so that the frame at work is finished; a second one interrupts.

    Where the process ignores Ctrl-C, as in the background of a script, it goes on doing so.
    """
    stop = Event()
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield stop
        return

    def end(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, end)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
