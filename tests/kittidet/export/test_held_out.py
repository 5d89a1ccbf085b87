import numpy as np
import pytest

from kittidet.config import EvalConfig
from kittidet.detect.detector import Detector
from kittidet.errors import ExportError
from kittidet.export.held_out import ApKept, calibration_frames, check_kept, compare_ap, held_out_frames

pytestmark = pytest.mark.usefixtures("tiny_models")


@pytest.fixture(scope="module")
def detector(tiny_checkpoint, tiny_models):
    return Detector.load(tiny_checkpoint)


@pytest.fixture(scope="module")
def frames(detector, tiny_records):
    return held_out_frames(tiny_records[1], detector.model, at_most=200)


def raw_of(detector):
    return lambda images: {n: np.asarray(v) for n, v in detector.network(images, training=False).items()}


def test_frames_to_calibrate_on_are_spread_over_the_training_records(detector, tiny_records):
    frames = calibration_frames(tiny_records[0], detector.model, count=30)
    assert (len(frames.places), frames.places[0], frames.places[-1]) == (30, 0, 31)
    images = list(frames.images())
    assert len(images) == 30
    assert images[0].shape == (64, 128, 3)
    with pytest.raises(ExportError, match=r"32 frames, expected 60 or more to calibrate .* --calibration-frames"):
        calibration_frames(tiny_records[0], detector.model, count=60)


def test_no_frame_that_was_calibrated_on_judges(detector, tiny_records):
    some = held_out_frames(tiny_records[1], detector.model, at_most=200, but=["000033", "000034"])
    assert set(some.frame_ids) == {"000032", "000035", "000036", "000037"}
    with pytest.raises(ExportError, match="every frame was calibrated on"):
        held_out_frames(tiny_records[1], detector.model, at_most=200, but=[f"{n:06d}" for n in range(99)])


def test_an_export_that_is_its_source_keeps_all_of_its_ap(detector, frames):
    kept = compare_ap(raw_of(detector), detector, frames, evaluation=EvalConfig(), what="m", calibrated_on=30)
    assert kept.source == kept.exported > 0.3
    assert (kept.frames, kept.max_score_difference, kept.calibrated_on) == (6, 0.0, 30)


def test_an_export_that_finds_its_boxes_elsewhere_loses_ap_and_is_refused_with_both_numbers(detector, frames):
    def stray(images):
        raw = raw_of(detector)(images)
        return {**raw, "box_codes": raw["box_codes"] + 0.3}

    kept = compare_ap(stray, detector, frames, evaluation=EvalConfig(), what="m")
    assert kept.exported < kept.source - 0.1
    with pytest.raises(ExportError, match=rf"m: AP {kept.exported:.4f} on 6 held-out frames.*--max-ap-loss"):
        check_kept(kept, max_loss=0.02, what="m")


def test_a_gain_is_no_loss():
    kept = ApKept(30, 0.2, 0.21, 0.3)
    assert check_kept(kept, max_loss=0.0, what="m") is kept


def test_what_cannot_be_told_is_an_error(detector, frames):
    def nothing(images):
        raw = raw_of(detector)(images)
        return {**raw, "class_logits": raw["class_logits"] * np.nan}

    with pytest.raises(ExportError, match="not finite"):
        compare_ap(nothing, detector, frames, evaluation=EvalConfig(), what="m")


def test_a_source_that_finds_nothing_has_no_ap_to_keep(detector, frames):
    def nothing(images, training):
        raw = detector.network(images, training=training)
        return {**raw, "class_logits": raw["class_logits"] * 0 - 20.0}

    blind = Detector(nothing, detector.facts)
    with pytest.raises(ExportError, match="AP of 0 on these 6 frames"):
        compare_ap(raw_of(blind), blind, frames, evaluation=EvalConfig(), what="m")
