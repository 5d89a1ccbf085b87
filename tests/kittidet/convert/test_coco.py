import copy
import json
from pathlib import Path

import pytest

from kittidet.convert.coco import KITTI_OF_COCO, from_coco, to_coco
from kittidet.errors import DatasetContractError, LabelParseError
from kittidet.frame import Frame
from kittidet.kitti.labels import parse_label_line

CAR = "Car 0.12 1 -1.57 599.41 156.40 629.75 189.25 2.85 2.63 12.34 0.47 1.49 69.44 -1.56"
VAN = "Van 0.00 0 1.55 10.10 20.20 30.30 40.40 1.87 0.50 0.90 5.59 1.94 8.18 1.57"
DONT_CARE = "DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10"


def frame(text: str, frame_id: str = "000007") -> tuple[Frame, str]:
    lines = text.removeprefix("\ufeff").splitlines()
    rows = tuple(parse_label_line(line, where="t") for line in lines if line.strip())
    return Frame(frame_id, Path(f"{frame_id}.png"), (1242, 375), rows), text


def document(text: str) -> dict:
    # Through text, as a file would be: tuples become lists.
    return json.loads(json.dumps(to_coco([frame(text)])))


def back(document: dict, **class_map: str) -> tuple[str, dict]:
    files, lost = from_coco(document, where="d.json", class_map=class_map)
    return files[0].text, dict(lost)


TEXTS = {
    "empty": "",
    "one": f"{CAR}\n",
    "dont care between objects": f"{CAR}\n{DONT_CARE}\n{VAN}\n",
    "windows line ends": f"{CAR}\r\n{DONT_CARE}\r\n",
    "no line end at the end": f"{CAR}\n{VAN}",
    "blank line after the rows": f"{CAR}\n\n",
    "six decimals": CAR.replace("599.41", "599.414243") + "\n",
    "byte order mark": f"\ufeff{CAR}\n",
    "two spaces": CAR.replace(" ", "  ") + "\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_to_coco_and_back_gives_the_same_bytes_and_loses_nothing(text):
    assert back(document(text)) == (text, {})


def test_the_document_is_plain_coco_for_tools_that_do_not_know_kitti():
    made = document(f"{CAR}\n{DONT_CARE}\n")
    assert [c["name"] for c in made["categories"]][:2] == ["Car", "Van"]
    assert made["images"][0] | {"kitti": None} == {
        "id": 7,
        "file_name": "000007.png",
        "width": 1242,
        "height": 375,
        "license": 1,
        "kitti": None,
    }
    (annotation,) = made["annotations"]
    assert (annotation["id"], annotation["image_id"], annotation["category_id"]) == (1, 7, 1)
    assert annotation["bbox"] == [599.41, 156.4, 30.34, 32.85]
    assert annotation["area"] == pytest.approx(30.34 * 32.85, abs=1e-3)


def test_a_region_of_one_class_is_a_crowd_of_it_and_its_own_row_again():
    region = DONT_CARE.replace("DontCare", "DontCare:Car")
    made = document(f"{CAR}\n{region}\n{DONT_CARE}\n")
    assert [(a["category_id"], a["iscrowd"]) for a in made["annotations"]] == [(1, 0), (1, 1)]
    assert back(made)[0] == f"{CAR}\n{region}\n{DONT_CARE}\n"
    made["annotations"][1]["iscrowd"] = 0
    assert back(made)[0].splitlines()[1].startswith("Car 0.00 0 -10 503.89")


def test_a_box_that_another_tool_moved_is_kept_as_moved():
    made = document(f"{CAR}\n")
    made["annotations"][0]["bbox"] = [600.0, 150.0, 30.0, 40.0]
    text, _ = back(made)
    assert text == CAR.replace("599.41 156.40 629.75 189.25", "600.00 150.00 630.00 190.00") + "\n"


def test_an_edit_wins_over_the_remembered_file():
    made = document(f"{CAR}\r\n{VAN}\r\n")
    del made["annotations"][0]
    assert back(made)[0] == f"{VAN}\n"


def test_an_added_box_comes_last_and_counts_at_every_level():
    """case: coco_to_kitti_occluded_3"""
    made = document(f"{CAR}\n{DONT_CARE}\n")
    made["annotations"].insert(0, {"id": 9, "image_id": 7, "category_id": 6, "bbox": [1, 2, 3, 4]})
    text, lost = back(made)
    assert text == (f"{CAR}\n{DONT_CARE}\nCyclist 0.00 0 -10 1.00 2.00 4.00 6.00 -1 -1 -1 -1000 -1000 -1000 -10\n")
    assert lost == {}


def test_a_foreign_document_keeps_what_has_a_kitti_type_and_counts_the_rest():
    foreign = {
        "images": [{"id": "a", "file_name": "x/y.jpg", "width": 640, "height": 480}],
        "categories": [{"id": 3, "name": "car"}, {"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": "a", "category_id": 3, "bbox": [0, 0, 10, 10], "segmentation": [[0, 0, 1, 1]]},
            {"id": 2, "image_id": "a", "category_id": 18, "bbox": [0, 0, 10, 10]},
            {"id": 3, "image_id": "a", "category_id": 1, "bbox": [5, 5, 20, 20], "iscrowd": 1},
            {"id": 4, "image_id": "a", "category_id": 3, "bbox": [5, 5, 0, 20]},
        ],
    }
    text, lost = back(foreign, **KITTI_OF_COCO)
    assert [line.split()[0] for line in text.splitlines()] == ["Car", "DontCare:Pedestrian"]
    assert lost == {
        "segmentation masks, reduced to their boxes": 1,
        "boxes of 'dog', which has no KITTI type (assign one with --map 'dog=Type')": 1,
        "boxes narrower or lower than a hundredth of a pixel": 1,
    }


@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
@pytest.mark.parametrize("more", [{}, {"segmentation": {"counts": [0, 9], "size": [480, 640]}}])
def test_what_is_not_to_be_counted_becomes_dont_care_of_its_category(key, more):
    made = document(f"{CAR}\n")
    box = {"image_id": 7, "category_id": 6, "bbox": [1, 2, 3, 4]}
    made["annotations"] += [{"id": 9, **box, **more, key: 1}, {"id": 10, **box, key: 0}]
    made["annotations"][0][key] = 1
    text, _ = back(made)
    assert [line.split()[0] for line in text.splitlines()] == ["DontCare:Car", "DontCare:Cyclist", "Cyclist"]


def test_more_than_two_decimals_of_a_foreign_box_are_kept():
    made = document("")
    made["annotations"] = [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [0.1234567, 10.1, 10.25, 5.3]},
        {"id": 2, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4.5]},
    ]
    assert [line.split()[4:8] for line in back(made)[0].splitlines()] == [
        ["0.123457", "10.10", "10.373457", "15.40"],
        ["1.00", "2.00", "4.00", "6.50"],
    ]


def test_ids_may_be_text_and_have_gaps():
    foreign = {
        "images": [{"id": "a", "file_name": "1.jpg", "width": 64, "height": 48}],
        "categories": [{"id": "90", "name": "car"}, {"id": 3, "name": "person"}],
        "annotations": [
            {"image_id": "a", "category_id": "90", "bbox": [1, 2, 3, 4]},
            {"image_id": "a", "category_id": 3, "bbox": ["1", "2.5", 3, 4]},
        ],
    }
    text, lost = back(foreign, **KITTI_OF_COCO)
    assert [line.split()[0] for line in text.splitlines()] == ["Car", "Pedestrian"]
    assert " 1.00 2.50 4.00 6.50 " in text
    assert lost == {}


def test_a_wrong_annotation_is_named_with_what_is_wrong():
    for wrong, said in (
        ({"image_id": "7"}, r"annotations\[0\]: image_id '7' is not in the document, which has ids such as 7"),
        ({"category_id": 99}, r"annotations\[0\]: category_id 99 is not in the document"),
        ({"bbox": []}, r"annotations\[0\]: expected bbox with left, top, width and height, got \[\]"),
    ):
        made = document(f"{CAR}\n")
        made["annotations"][0].update(wrong)
        with pytest.raises(DatasetContractError, match=said):
            back(made)


@pytest.mark.parametrize("kind", ["images", "categories"])
def test_an_id_given_twice_is_refused_for_its_boxes_would_go_to_both(kind):
    made = document(f"{CAR}\n")
    made[kind].append({**made[kind][0], "name": "other", "file_name": "other.png"})
    with pytest.raises(DatasetContractError, match=rf"d\.json: {kind}: id \d+ is given twice"):
        back(made)


def test_coco_names_go_to_the_plain_kitti_type():
    assert KITTI_OF_COCO == {"car": "Car", "person": "Pedestrian", "truck": "Truck", "train": "Tram"}


BROKEN = {
    "not a document": lambda d: d.clear(),
    "no annotations": lambda d: d.pop("annotations"),
    "a list for an image": lambda d: d["images"].append([]),
    "image without size": lambda d: d["images"][0].pop("width"),
    "annotation of no image": lambda d: d["annotations"][0].update(image_id=99),
    "category that is not listed": lambda d: d["annotations"][0].update(category_id=99),
    "three numbers for a box": lambda d: d["annotations"][0].update(bbox=[1, 2, 3]),
    "text for a number": lambda d: d["annotations"][0].update(bbox=["a", 2, 3, 4]),
    "an unknown kitti field": lambda d: d["annotations"][0]["kitti"].update(shell="rm"),
    "a path out of the folder": lambda d: d["images"][0].update(file_name="../../etc/passwd"),
    "an absolute path": lambda d: d["images"][0].update(file_name="/etc/passwd"),
    "a windows path out": lambda d: d["images"][0].update(file_name="..\\x.png"),
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_document_is_refused_by_name(spoil):
    made = copy.deepcopy(document(f"{CAR}\n"))
    spoil(made)
    with pytest.raises(DatasetContractError, match=r"d\.json"):
        back(made)


def test_values_that_make_no_kitti_row_are_refused():
    made = document(f"{CAR}\n")
    made["annotations"][0]["kitti"]["occluded"] = "0\nCar 0 0"
    with pytest.raises(LabelParseError, match="box 1"):
        back(made)
    made["annotations"][0]["kitti"]["occluded"] = 0
    made["annotations"][0]["bbox"] = [float("nan"), 0, 10, 10]
    with pytest.raises(LabelParseError, match="left"):
        back(made)


@pytest.mark.parametrize("size", [float("inf"), float("nan"), "wide", None])
def test_an_image_of_no_size_is_refused_by_name(size):
    made = document(f"{CAR}\n")
    made["images"][0]["width"] = size
    with pytest.raises(DatasetContractError, match=r"d\.json: not a COCO detection document"):
        back(made)
