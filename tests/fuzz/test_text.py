"""Text that a person or another program wrote: labels, results, lists, the devkit's mapping, YOLO, tables."""

from collections import Counter

import pytest
from fuzz.mutations import damaged_bytes, damaged_text

from kittidet.convert.yolo_reading import read_yolo, rows_of
from kittidet.eval.kitti_protocol.files import read_frame_list, read_scoring_input
from kittidet.kitti.frames import label_rows
from kittidet.kitti.labels import parse_label_file
from kittidet.kitti.lists import read_ids
from kittidet.kitti.mapping import read_moments

LABEL = "Car 0.00 0 1.55 614.24 181.78 727.31 284.77 1.57 1.73 4.15 1.00 1.75 13.22 1.62"
DONT_CARE = "DontCare -1 -1 -10 800.38 163.67 825.45 184.07 -1 -1 -1 -1000 -1000 -1000 -10"
LABELS = (f"{LABEL}\n{DONT_CARE}\n", f"{LABEL} 0.9\n", "")
RESULTS = (f"{LABEL} 0.93\n{LABEL.replace('Car', 'Cyclist')} -1.5\n", "")
LISTS = ("000001\n000002\n", "image_2/000003.png\n")
YOLO = (
    "path: .\ntrain: images\nval: images\nnames:\n  0: car\n  1: person\n",
    "train: [images, images]\nval: images\nnames: [a, b]\n",
)
ROWS = ("0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n", "0 0.1 0.1 0.2 0.1 0.2 0.2 0.3 0.3\n")


def encoded(texts):
    return [text.encode() for text in texts]


@pytest.mark.parametrize("with_score", [False, True])
def test_label_and_result_files(fuzz, tmp_path, with_score):
    file = tmp_path / "000001.txt"

    def read(text):
        file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        parse_label_file(file, with_score=with_score, types=None)
        label_rows(file, None)

    fuzz(damaged_text(RESULTS if with_score else LABELS), read)


def test_label_files_that_are_not_text(fuzz, tmp_path):
    file = tmp_path / "000001.txt"

    def read(data):
        file.write_bytes(data)
        parse_label_file(file)

    fuzz(damaged_bytes(encoded(LABELS)), read)


def test_the_two_sides_of_a_score(fuzz, tmp_path):
    labels, found, frames = tmp_path / "label_2", tmp_path / "found", tmp_path / "frames.txt"
    labels.mkdir()
    found.mkdir()

    def read(text):
        for folder, content in ((labels, LABELS[0]), (found, text)):
            (folder / "000001.txt").write_text(content, encoding="utf-8", errors="surrogatepass", newline="")
        read_scoring_input(labels, found)

    fuzz(damaged_text(RESULTS), read)
    assert not frames.exists()


def test_lists_of_frames(fuzz, tmp_path):
    file = tmp_path / "frames.txt"

    def read(data):
        file.write_bytes(data)
        read_ids(file)
        read_frame_list(file)

    fuzz(damaged_bytes(encoded(LISTS)), read)


def test_the_devkits_mapping(fuzz, tmp_path):
    (tmp_path / "train_rand.txt").write_text("1,2,3")

    def read(text):
        data = text.encode(errors="surrogatepass")
        (tmp_path / "train_mapping.txt").write_bytes(data)
        read_moments(tmp_path)

    line = "2011_09_26 2011_09_26_drive_0005_sync 0000000109\n"
    fuzz(damaged_text([line * 3]), read)


def test_yolo_data_sets(fuzz, tmp_path):
    (tmp_path / "images").mkdir()
    file = tmp_path / "data.yaml"

    def read(text):
        file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        read_yolo(file)

    fuzz(damaged_text(YOLO), read)


def test_yolo_rows(fuzz, tmp_path):
    file = tmp_path / "1.txt"

    def read(text):
        file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        rows_of(file, (100, 50), {0: "car", 1: "person"}, Counter())

    fuzz(damaged_text(ROWS), read)
