"""A finished epoch is saved, appended to the history and told, in this order."""

from types import SimpleNamespace

from kittidet.config import TrainConfig
from kittidet.training.callbacks import EpochEnd

LOGS = {"loss": 2.0, "cls_loss": 1.0, "box_loss": 0.01, "iou_loss": 0.0, "l2_loss": 0.5, "num_positives": 9.0}


def test_an_epoch_is_saved_before_it_is_told_and_both_know_its_losses(tmp_path, caplog):
    happened = []
    at_end = EpochEnd(
        work_dir=tmp_path,
        detector_facts=None,
        network=None,
        optimizer=SimpleNamespace(iterations=5, learning_rate=0.01),
        save=lambda progress: happened.append(("saved", progress.epoch, progress.step, len(progress.rows))),
        rows=[],
        train=TrainConfig(epochs=3, batch_size=4, checkpoint_every_epochs=3),
        score=None,
        score_every=0,
        on_epoch=lambda report: happened.append(("told", report.epoch, report.loss, report.val_ap)),
    )
    at_end.set_params({"steps": 5})
    caplog.set_level("INFO")
    at_end.on_epoch_begin(0)
    at_end.on_epoch_end(0, LOGS)
    assert happened == [("saved", 1, 5, 1), ("told", 1, 2.0, None)]
    header, row = (tmp_path / "history.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["box_loss"] == "0.01"
    (line,) = (record for record in caplog.records if record.getMessage().startswith("fit.epoch"))
    assert "epoch=1/3 step=5 loss=2.0000" in line.getMessage()
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_whose_ap_has_not_risen_for_its_patience_ends(tmp_path):
    model = SimpleNamespace(stop_training=False)
    earlier = [{"epoch": n, "step": n, "val_ap": 0.5 if n == 1 else 0.4} for n in (1, 2, 3)]
    at_end = EpochEnd(
        work_dir=tmp_path,
        detector_facts=None,
        network=None,
        optimizer=SimpleNamespace(iterations=4, learning_rate=0.01),
        save=lambda _: None,
        rows=earlier,
        train=TrainConfig(epochs=9, patience_epochs=2, checkpoint_every_epochs=9),
        score=None,
        score_every=0,
        on_epoch=None,
    )
    at_end.set_params({"steps": 1})
    at_end.set_model(model)
    at_end.on_epoch_begin(3)
    at_end.on_epoch_end(3, LOGS)
    assert model.stop_training
