import numpy as np
import pytest
from fixtures.encoded_images import encode, exif, street
from PIL import Image

from kittidet.detect.images import ImageError
from kittidet.export.check_set import build_check_set, candidates_of


def test_the_synthetic_images_come_with_the_sources_answers(checks, detector):
    assert len(checks.names) == len(checks.encoded) == len(checks.detections) == 3
    assert checks.images.shape == (3, 64, 128, 3)
    probabilities, boxes = candidates_of(checks.raw, detector)
    assert probabilities.shape[:2] == boxes.shape[:2]
    assert ((probabilities > 0) & (probabilities < 1)).all()
    best = max(d.scores.max() for d in checks.detections)
    assert np.isclose(probabilities.max(), best, atol=1e-3)


def test_given_images_are_used_at_their_size(detector, evaluation, tmp_path):
    Image.new("RGB", (90, 50), "grey").save(tmp_path / "a.png")
    checks = build_check_set(detector, evaluation=evaluation, images=[tmp_path / "a.png"])
    assert checks.names == ["0-a"]
    assert checks.sizes_wh == [(90, 50)]


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"exif": exif(6)}), ("PNG", {"exif": exif(3)}), ("TIFF", {}), ("WEBP", {})]
)
def test_an_image_that_a_saved_model_would_see_differently_is_refused(kind, options, detector, evaluation, tmp_path):
    path = tmp_path / "a.image"
    path.write_bytes(encode(street(), kind, **options))
    with pytest.raises(ImageError, match=r"a\.image: .*PNG, JPEG and BMP.* upright PNG"):
        build_check_set(detector, evaluation=evaluation, images=[path])
