"""Images that look alike have hashes that do; others have not."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from kittidet.errors import DatasetContractError
from kittidet.kitti.image_hash import HASH_BITS, NEAR_BITS, hash_images, nearest_hashes


def bits_between(one, other):
    hashes = hash_images([one, other])
    return int(nearest_hashes(hashes[:1], hashes[1:])[1][0])


@pytest.fixture
def street(synthetic_root):
    return synthetic_root / "training" / "image_2" / "000000.png"


def test_the_same_image_as_a_small_dark_jpeg_is_near(street, tmp_path):
    with Image.open(street) as image:
        small = image.convert("RGB").resize((621, 187))
    ImageEnhance.Brightness(small).enhance(0.7).save(tmp_path / "small.jpg", quality=60)
    assert bits_between(street, street) == 0
    assert bits_between(street, tmp_path / "small.jpg") <= NEAR_BITS


def test_an_image_of_another_scene_is_not_near(street, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (16, 17), dtype=np.uint8)
    Image.fromarray(noise).resize((1242, 375), Image.Resampling.NEAREST).save(tmp_path / "noise.png")
    assert NEAR_BITS < bits_between(street, tmp_path / "noise.png") <= HASH_BITS


def test_real_frames_of_one_place_are_near_and_no_others(kitti_mini):
    """Which frames show one place was judged by eye."""
    folder = kitti_mini.parent / "train58" / "training" / "image_2"
    paths = sorted(folder.glob("*.png"))
    if not paths:
        pytest.skip(f"the real frames are not here: {folder}")
    hashes = hash_images(paths)
    groups = [
        {"000017", "000064"},
        {"000000", "000054", "000070"},
        {"000016", "000067", "000079"},
        {"000051", "000091"},
    ]
    for k, path in enumerate(paths):
        others = [*range(k), *range(k + 1, len(paths))]
        near = {paths[i].stem for i in others if nearest_hashes(hashes[[k]], hashes[[i]])[1][0] <= NEAR_BITS}
        expected = next((group for group in groups if path.stem in group), {path.stem})
        assert near == expected - {path.stem}


def test_16_bit_grey_is_compared_by_what_it_shows(street, tmp_path):
    """Pillow's own conversion makes every such image white, so that all of them would be alike."""
    with Image.open(street) as image:
        grey = np.asarray(image.convert("L")).astype(np.uint16)
    Image.fromarray(grey * 257).save(tmp_path / "a.png")
    Image.fromarray(grey[::-1] * 257).save(tmp_path / "b.png")
    assert bits_between(street, tmp_path / "a.png") == 0
    assert bits_between(street, tmp_path / "b.png") > NEAR_BITS


def test_the_first_of_equally_near_ones_is_named():
    hashes = np.array([[0, 0, 0, 7], [0, 0, 0, 1], [0, 0, 0, 1]], dtype=np.uint64)
    places, bits = nearest_hashes(np.array([[0, 0, 0, 0]], dtype=np.uint64), hashes)
    assert (places.tolist(), bits.tolist()) == ([1], [1])
    with pytest.raises(ValueError, match="at least one"):
        nearest_hashes(hashes, hashes[:0])


def test_no_images_have_no_hashes():
    assert hash_images([]).shape == (0, 4)


def test_an_image_that_does_not_decode_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DatasetContractError, match=r"broken\.png: cannot decode the image to compare it"):
        hash_images([tmp_path / "broken.png"])
