"""The verb ``augment``: what the configured random changes make of the training images, to look at."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kittidet.cli.log_output import log_to_file
from kittidet.cli.options import ConfigFile, DataDir, Overrides, Preset, resolve_config
from kittidet.presets import DEFAULT_PRESET


def augment(
    preview: Annotated[Path, typer.Option("--preview", help="Folder to write the images to.")],
    overrides: Overrides = None,
    config: ConfigFile = None,
    preset: Preset = DEFAULT_PRESET,
    data: DataDir = None,
    frames: Annotated[int, typer.Option("--frames", min=1, max=10_000, help="How many images.")] = 24,
) -> None:
    """Write images of the training data as the network sees them, changed at random, with their boxes."""
    from kittidet.data.pipeline import plain_record_errors, training_batches
    from kittidet.data.preview import write_preview
    from kittidet.model.scaling import variant_spec
    from kittidet.records.manifest import read_manifest
    from kittidet.steps.fetch import dataset_images
    from kittidet.steps.pipeline import write_data
    from kittidet.store import Store

    resolved = resolve_config(preset, config, data, overrides)
    store, model = Store(resolved.store_dir), resolved.model
    with log_to_file(store.root, "augment"):
        made = write_data(store, resolved)
        records = store.read(made.train_records)
        manifest, spec = read_manifest(records), variant_spec(model.variant)
        with dataset_images(store, made.dataset) as images_dir, plain_record_errors():
            batches = training_batches(
                records,
                input_hw=model.input_hw,
                batch_size=1,
                augment=resolved.train.augment,
                seed=resolved.train.seed,
                epochs=-(-frames // manifest.num_frames),
                pixel_mean=spec.pixel_mean,
                pixel_std=spec.pixel_std,
                images_dir=images_dir,
                repeat_threshold=resolved.train.repeat_threshold,
            )
            paths = write_preview(preview, batches, table=manifest.table, model=model, frames=frames)
    Console(highlight=False).print(f"{len(paths)} images written to {preview}", soft_wrap=True, markup=False)
