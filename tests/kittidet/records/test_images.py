"""Images in records are all looked at, in the records' order, by several threads."""

import threading
from itertools import count

import pytest
from fixtures.encoded_images import encode, street

from kittidet.records import images
from kittidet.records.images import look_at_image, with_images

WHOLE = encode(street(), "PNG")


def features(data):
    return {"image/encoded": ("bytes", [data])}


@pytest.mark.parametrize(
    ("found", "size_wh", "problem"),
    [
        (features(WHOLE), (91, 61), None),
        (features(encode(street(), "WEBP")), (91, 61), None),
        (features(WHOLE[:-200]), (91, 61), "image/encoded is damaged: "),
        (features(b"no image"), None, "image/encoded is not an image: "),
        ({}, None, "expected image/encoded, got none"),
    ],
)
def test_an_image_is_whole_or_has_a_problem(found, size_wh, problem):
    facts = look_at_image(found)
    assert facts.size_wh == size_wh
    assert facts.problem is problem is None or facts.problem.startswith(problem)


@pytest.mark.parametrize("number", [0, 1, 3, 50])
def test_records_keep_their_order_and_each_has_its_own_image(number):
    records = [(f"record {i}", features(WHOLE if i % 3 else WHOLE[:60])) for i in range(number)]
    found = list(with_images(records))
    assert [record for record, _ in found] == records
    assert [facts.problem is None for _, facts in found] == [bool(i % 3) for i in range(number)]


def test_images_are_decoded_side_by_side_and_records_are_not_read_far_ahead(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together = threading.Barrier(2, timeout=60)
    monkeypatch.setattr(images, "_find_damage", lambda encoded: together.wait() and None)
    taken = []

    def records():
        for i in count():
            taken.append(i)
            yield f"record {i}", features(WHOLE)

    # Each decoding waits for another one: alone it would never end.
    assert len([next(found) for found in [with_images(records())] for _ in range(6)]) == 6
    assert len(taken) <= 6 + 2 * 2
