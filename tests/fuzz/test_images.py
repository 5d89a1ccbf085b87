"""Image files of data sets and of whoever asks for a prediction: headers, whole files, pixels."""

import pytest
from fixtures.encoded_images import jpegs_and_bmps, pngs
from fuzz.mutations import damaged_bytes

from kittidet.convert.output import look_at
from kittidet.detect.images import read_image
from kittidet.errors import KittidetError
from kittidet.kitti.image_file import check_image_bytes, read_image_size
from kittidet.kitti.jpeg import check_jpeg_bytes, parse_jpeg_header
from kittidet.kitti.png import check_png_bytes, parse_png_header
from kittidet.kitti.validation.pixels import check_pixels

PNGS, OTHERS = tuple(pngs().values()), tuple(jpegs_and_bmps().values())


@pytest.mark.parametrize(
    ("readers", "good"),
    [((parse_png_header, check_png_bytes), PNGS), ((parse_jpeg_header, check_jpeg_bytes), OTHERS)],
    ids=["png", "jpeg"],
)
def test_headers(fuzz, readers, good):
    def read(data):
        for reader in readers:
            reader(data, where="image")

    fuzz(damaged_bytes(good), read)


def test_pixels_of_the_contract(fuzz):
    def read(data):
        check_pixels(data, check_image_bytes(data, where="image"), where="image")

    fuzz(damaged_bytes((*PNGS, *OTHERS)), read)


@pytest.mark.filterwarnings("ignore")  # Pillow's, about what it passes over
def test_files_to_predict_on_or_to_convert(fuzz, tmp_path):
    file = tmp_path / "image.png"

    def read(data):
        file.write_bytes(data)
        for reader in (read_image_size, look_at, read_image):
            try:
                reader(file)
            except KittidetError as error:
                assert str(error)

    fuzz(damaged_bytes((*PNGS, *OTHERS)), read)
