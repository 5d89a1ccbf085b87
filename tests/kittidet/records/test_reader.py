"""Records that refer to images read as those that hold them do, and believe no other image."""

import pytest
from fixtures.damage import flip_a_bit

from kittidet.errors import RecordError
from kittidet.files import digest_file
from kittidet.records.example import CRC32C, ENCODED, FILENAME, SHA256
from kittidet.records.message import decode_example
from kittidet.records.reader import RecordReader, find_image


def test_a_frame_is_the_same_wherever_its_image_lies(referring_records, three_records, three_frames):
    held, referred = RecordReader(three_records), RecordReader(referring_records, three_frames.images_dir)
    assert held.manifest.num_frames == referred.manifest.num_frames == 3
    for index in range(3):
        one, other = (decode_example(r.read(index), where="") for r in (held, referred))
        path = three_frames.images_dir / one[FILENAME][1][0].decode()
        assert other.pop(SHA256)[1] == [digest_file(path).encode()]
        assert other.pop(CRC32C)[0] == "int64"
        assert one == other
        assert one[ENCODED][1] == [path.read_bytes()]


def test_tensorflow_reads_the_joined_record_as_one(referring_records, three_frames):
    tf = pytest.importorskip("tensorflow")
    payload = RecordReader(referring_records, three_frames.images_dir).read(0)
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in (ENCODED, FILENAME)}
    parsed = tf.io.parse_single_example(payload, spec)
    assert parsed[ENCODED].numpy() == (three_frames.images_dir / parsed[FILENAME].numpy().decode()).read_bytes()


def test_records_that_hold_their_images_need_no_folder_and_look_into_none(three_records, tmp_path):
    assert RecordReader(three_records, tmp_path / "absent").read(0) == RecordReader(three_records).read(0)


def test_without_the_folder_of_its_images_it_says_whose_they_are(referring_records):
    with pytest.raises(RecordError, match=r"data set d{16}, or write the records with"):
        RecordReader(referring_records)


def test_an_image_that_changed_is_refused_by_name(referring_records, three_frames):
    flip_a_bit(three_frames.image_path("000003"))
    with pytest.raises(RecordError, match=r"000003\.png: expected the image with CRC-32C [0-9a-f]{8}"):
        RecordReader(referring_records, three_frames.images_dir).read(0)


def test_an_image_that_is_not_there_is_named(referring_records, three_frames):
    three_frames.image_path("000003").unlink()
    with pytest.raises(RecordError, match=r"000003\.png: cannot read the image: No such file"):
        RecordReader(referring_records, three_frames.images_dir).read(0)


def test_a_name_that_leads_elsewhere_is_refused(three_frames):
    with pytest.raises(RecordError, match="leads out of the folder of images"):
        find_image({CRC32C: ("int64", [1]), FILENAME: ("bytes", [b"../label_2/000003.txt"])}, three_frames.images_dir)


@pytest.mark.parametrize("named", [("bytes", []), ("int64", [3]), ("bytes", [b"."]), ("bytes", [b"\xff"])])
def test_a_name_that_is_none_is_an_error_of_its_own(three_frames, named):
    with pytest.raises(RecordError):
        find_image({CRC32C: ("int64", [1]), FILENAME: named}, three_frames.images_dir)


def test_a_record_of_neither_kind_has_no_image(three_frames):
    assert find_image({}, three_frames.images_dir) is None
    assert find_image({CRC32C: ("bytes", [b"x"])}, three_frames.images_dir) is None
    assert find_image({CRC32C: ("int64", [1])}, None) is None


def test_a_shard_with_fewer_frames_than_its_manifest_says_is_refused(three_records):
    manifest = three_records / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"frames": 2', '"frames": 3'))
    with pytest.raises(RecordError, match="expected 3 frames, got 2"):
        RecordReader(three_records)
