"""Decoding equals the reference, and runs inside an exported graph."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kittidet.model.anchors import build_anchors
from kittidet.model.decode import decode_detections

ORACLE = Path(__file__).parents[4] / "shared" / "oracle" / "postprocess.npz"
ANCHORS = np.array([[0, 0, 10, 10], [20, 20, 30, 30], [-5, -5, 5, 5]], np.float32)
# What the reference calls the two methods.
REFERENCE_NAMES = {"soft": "gaussian", "hard": "hard"}
DEFAULTS = {"input_hw": (32, 32), "nms": "hard", "score_threshold": 0.5, "max_detections": 4}


def outputs(logits):
    logits = np.array([logits], np.float32)
    return {"class_logits": logits, "box_codes": np.zeros((1, logits.shape[1], 4), np.float32)}


def test_nothing_above_the_threshold_gives_only_padding():
    found = decode_detections(outputs(np.full((3, 2), -5)), ANCHORS, **DEFAULTS)
    assert np.asarray(found["num_valid"]).tolist() == [0]
    for name in ("boxes_xyxy", "scores", "class_ids"):
        assert not np.asarray(found[name]).any()


def test_detections_come_best_first_with_one_based_classes_clipped_to_the_canvas():
    found = decode_detections(outputs([[-9, -9], [-9, 2], [3, -9]]), ANCHORS, **DEFAULTS)
    assert np.asarray(found["num_valid"]).tolist() == [2]
    assert np.asarray(found["class_ids"])[0].tolist() == [1, 2, 0, 0]
    np.testing.assert_allclose(np.asarray(found["boxes_xyxy"])[0, :2], [[0, 0, 5, 5], [20, 20, 30, 30]], atol=1e-5)
    np.testing.assert_allclose(np.asarray(found["scores"])[0, :2], 1 / (1 + np.exp([-3, -2])), rtol=1e-6)


def test_an_anchor_appears_with_several_classes_unless_only_its_best_is_asked_for():
    two_classes = outputs([[2, 1], [-9, -9], [-9, -9]])
    assert int(decode_detections(two_classes, ANCHORS, **DEFAULTS)["num_valid"][0]) == 2
    assert int(decode_detections(two_classes, ANCHORS, **DEFAULTS, max_candidates=None)["num_valid"][0]) == 1


def test_only_the_best_candidates_enter():
    three = outputs([[3, -9], [2, -9], [1, -9]])
    assert int(decode_detections(three, ANCHORS, **DEFAULTS, max_candidates=2)["num_valid"][0]) == 2


@pytest.mark.parametrize("wrong", [{"score_threshold": -0.1}, {"max_detections": 0}, {"nms": "gaussian"}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        decode_detections(outputs(np.zeros((3, 2))), ANCHORS, **{**DEFAULTS, **wrong})


def test_the_exported_graph_returns_what_the_eager_call_returns(tmp_path):
    class Serving(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3, 2]), tf.TensorSpec([None, 3, 4])])
        def decode(self, class_logits, box_codes):
            return decode_detections({"class_logits": class_logits, "box_codes": box_codes}, ANCHORS, **DEFAULTS)

    tf.saved_model.save(Serving(), tmp_path / "serving")
    served = tf.saved_model.load(tmp_path / "serving")
    raw = outputs([[1, 2], [3, -4], [0.5, 2.5]])
    found, expected = served.decode(**raw), decode_detections(raw, ANCHORS, **DEFAULTS)
    for name, value in expected.items():
        np.testing.assert_allclose(np.asarray(found[name]), np.asarray(value), atol=1e-6)


@pytest.mark.parametrize("candidates", ["topk5000", "maxreduce"])
@pytest.mark.parametrize("method", ["soft", "hard"])
@pytest.mark.parametrize("mode", ["global", "per_class"])
def test_all_modes_equal_the_reference(mode, method, candidates):
    if not ORACLE.is_file():
        pytest.skip(f"the reference's detections are not here: {ORACLE}")
    with np.load(ORACLE) as oracle:
        heads = {
            name: np.concatenate([oracle[f"{key}_{i}"].reshape(2, -1, n) for i in range(5)], axis=1)
            for name, key, n in (("class_logits", "cls", 3), ("box_codes", "box", 4))
        }
        name = f"{mode}/{REFERENCE_NAMES[method]}/{candidates}"
        expected = {k: oracle[f"{name}/{k}"] for k in ("boxes", "scores", "classes", "valid")}
        scales = oracle["image_scales"][:, None, None]
    found = decode_detections(
        heads,
        build_anchors("d0", input_hw=(256, 256)),
        input_hw=(256, 256),
        nms=method,
        score_threshold=0.001 if method == "soft" else 0.0,
        max_detections=100,
        per_class=mode == "per_class",
        clip=mode == "global",
        max_candidates=5000 if candidates == "topk5000" else None,
    )
    np.testing.assert_array_equal(np.asarray(found["num_valid"]), expected["valid"])
    np.testing.assert_allclose(np.asarray(found["scores"]), expected["scores"], atol=1e-5)
    np.testing.assert_allclose(
        np.asarray(found["boxes_xyxy"]) * scales, expected["boxes"][..., [1, 0, 3, 2]], atol=1e-4
    )
    np.testing.assert_array_equal(np.asarray(found["class_ids"]), expected["classes"])
