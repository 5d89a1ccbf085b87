"""The page's sentences and two-column tables: what was trained on what, and how to do it again."""

import math

from kittidet.runs.run import Run

Rows = list[tuple[str, str]]


_SOURCES = {
    "official": "official KITTI archives",
    "folder": "local folder",
    "synthetic": "synthetic scenes",
    "coco": "COCO annotations",
    "yolo": "YOLO data set",
}


def describe_run(run: Run) -> str:
    """Return detector, input size, classes and frames in two sentences."""
    summary = run.summary
    height, width = summary["input_hw"]
    return (
        f"EfficientDet-{summary['variant'].upper()}, input size {width} x {height}, {len(run.table)} classes. "
        f"Fine-tuned on {summary['n_train']:,} frames, scored on {summary['n_val']:,} ({summary['split']} split)."
    )


def training_facts(run: Run) -> Rows:
    """Return when and how the run was trained; what an older run did not note is left out."""
    summary, recipe = run.summary, run.config.train
    seconds = [s for s in run.history.get("seconds", ()) if math.isfinite(s)]
    rows = [
        ("epochs", f"{recipe.epochs}"),
        ("batch", f"{recipe.batch_size} images"),
        ("optimizer", recipe.optimizer),
        (
            "learning rate",
            f"{recipe.peak_rate * recipe.batch_size / 64:.3g} at the peak ({recipe.peak_rate:g} at batch 64)",
        ),
        ("start", "random" if recipe.initial_weights is None else str(recipe.initial_weights)),
    ]
    if summary.get("rate_halvings"):
        rows.append(("loss not finite", f"learning rate halved {summary['rate_halvings']} times"))
    if sum(seconds) > 0:
        rows += [
            ("training time", _duration(sum(seconds))),
            ("speed", f"{summary['n_train'] * len(seconds) / sum(seconds):,.1f} images/s"),
        ]
    if "published" in summary:
        rows.insert(0, ("date", summary["published"].replace("T", " ").replace("+00:00", " UTC")))
    if "commit" in summary.get("environment", {}):
        rows.append(("commit", summary["environment"]["commit"]))
    return rows


def data_facts(run: Run) -> Rows:
    """Return what the run was trained and scored on."""
    config, summary = run.config, run.summary
    split, kind = config.split, config.records.classes
    seed = "" if split.method not in {"random80", "drive"} else f", seed {split.seed}, {split.val_share:.0%} validation"
    sizes = sorted({frame.size_wh for frame in run.frames})
    shown = ", ".join(f"{w} x {h}" for w, h in sizes[:6]) + (f" and {len(sizes) - 6} more" if len(sizes) > 6 else "")
    rows = [
        ("source", _SOURCES[config.source.kind]),
        ("frames", f"{summary['n_train']:,} train, {summary['n_val']:,} validation"),
        ("set aside", f"{summary['n_set_aside']:,} frames that broke the data contract (findings.csv)"),
        ("split", f"{summary['split']}{seed}"),
        ("split digest", summary["digests"]["split"][:16]),
        ("classes", f"{kind if isinstance(kind, str) else 'own'}: {', '.join(run.table.names)}{run.table.of_others}"),
        ("image sizes", f"{shown} px (validation)"),
    ]
    # Runs made before this was counted have none.
    coverage = summary.get("anchor_coverage")
    if isinstance(coverage, (int, float)):
        rows.append(("anchor coverage", f"{coverage:.1%} of labelled boxes have an anchor at IoU 0.5 or more"))
    return rows


def reproduce_commands(run: Run) -> str:
    """Return the shell lines that make this run, and this page, again, and check them."""
    is_local = run.config.source.kind not in {"official", "synthetic"}
    data = ["# the paths under source in config.json are where the data was; change them if it has moved"]
    return "\n".join(
        [
            *(data if is_local else []),
            # Nothing here depends on where the run lies: the page of a run that was moved is still its page.
            "cd FOLDER_OF_THIS_RUN     # the paths in config.json are absolute",
            "kittidet run --config config.json",
            "kittidet report .",
            "kittidet verify .",
        ]
    )


def config_text(run: Run) -> str:
    """Return the resolved configuration as people read it."""
    return run.config.model_dump_json(indent=2)


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"
