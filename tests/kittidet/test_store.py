"""kittidet.store: an output is what made it, whole or absent."""

import errno
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit

from kittidet.config import TrainConfig
from kittidet.errors import DamagedOutputError, StoreError
from kittidet.files import digest_file, list_files
from kittidet.store import (
    DAMAGED,
    MANIFEST,
    SMALL_BYTES,
    StepKey,
    StepOutput,
    Store,
    digest_of,
    step_key,
)


def make_two_files(folder: Path) -> dict:
    (folder / "a.txt").write_text("alpha")
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "deep" / "b.bin").write_bytes(b"\0" * 100)
    return {"n": 2}


def make_large_file(folder: Path) -> dict:
    (folder / "small.txt").write_text("000001\n")
    (folder / "large.bin").write_bytes(b"\0" * (SMALL_BYTES + 1))
    return {}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


KEY = step_key("demo", 1, data="x")


class TestIdentity:
    def test_equal_values_have_equal_digests_whatever_their_order(self):
        assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})

    @pytest.mark.parametrize("other", [{}, {"a": 2}, {"a": 1, "b": None}, {"a": "1"}])
    def test_different_values_have_different_digests(self, other):
        assert digest_of({"a": 1}) != digest_of(other)

    def test_a_config_section_counts_by_its_values(self):
        assert digest_of(TrainConfig()) == digest_of(TrainConfig(epochs=TrainConfig().epochs))
        assert digest_of(TrainConfig()) != digest_of(TrainConfig(epochs=1))

    def test_a_value_without_a_json_form_is_refused(self):
        with pytest.raises(TypeError, match="cannot make a digest of object"):
            digest_of({"a": object()})

    def test_nan_is_refused_because_it_is_no_json(self):
        with pytest.raises(ValueError, match="JSON"):
            digest_of({"a": float("nan")})

    def test_step_name_and_version_are_part_of_the_key(self):
        keys = {step_key("a", 1, x=1), step_key("b", 1, x=1), step_key("a", 2, x=1), step_key("a", 1, x=2)}
        assert len(keys) == 4


def test_an_output_is_json_without_a_place_and_stands_for_itself_in_any_copy_of_the_store(tmp_path):
    output = Store(tmp_path / "a").get_or_make(KEY, lambda _: {"n_train": 3, "leakage": None})
    read = StepOutput.model_validate_json(output.model_dump_json())
    assert (output.cached, read.cached) == (False, True)
    assert read == output.model_copy(update={"cached": True})
    assert Store(tmp_path / "b").path(read) == tmp_path / "b" / KEY.name
    assert str(tmp_path) not in output.model_dump_json()


class TestGetOrMake:
    def test_makes_once_and_then_finds(self, store):
        first = store.get_or_make(KEY, make_two_files)
        second = store.get_or_make(KEY, lambda _: pytest.fail("made twice"))
        assert (first.cached, second.cached) == (False, True)
        assert store.path(second) == store.path(first) == store.path(KEY)
        assert second.summary == {"n": 2}
        assert (store.path(second) / "deep" / "b.bin").read_bytes() == b"\0" * 100

    @pytest.mark.parametrize("victim", ["a.txt", "deep/b.bin", MANIFEST])
    def test_a_deleted_file_is_made_again(self, store, victim):
        folder = store.path(store.get_or_make(KEY, make_two_files))
        (folder / victim).unlink()
        assert store.problems(KEY)
        again = store.get_or_make(KEY, make_two_files)
        assert not again.cached
        assert store.problems(KEY) == []

    @pytest.mark.parametrize("content", ["alphA", "alp", "", "alpha and more"])
    def test_a_changed_file_is_made_again(self, store, content):
        folder = store.path(store.get_or_make(KEY, make_two_files))
        (folder / "a.txt").write_text(content)
        assert "a.txt" in store.problems(KEY)[0]
        assert not store.get_or_make(KEY, make_two_files).cached
        assert (folder / "a.txt").read_text() == "alpha"

    def test_a_change_that_keeps_size_and_time_is_seen_in_small_files_always_in_large_ones_by_the_thorough_check(
        self, store
    ):
        folder = store.path(store.get_or_make(KEY, make_large_file))
        flip_a_bit(folder / "large.bin")
        assert store.problems(KEY) == []
        assert "large.bin" in store.problems(KEY, thorough=True)[0]
        flip_a_bit(folder / "small.txt")
        assert "small.txt" in store.problems(KEY)[0]

    def test_a_copied_store_with_other_times_is_still_valid(self, store):
        file = store.path(store.get_or_make(KEY, make_two_files)) / "a.txt"
        os.utime(file, (1, 1))
        assert store.problems(KEY) == []

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {}}', '{"files": 3, "digest": 1}'])
    def test_a_damaged_manifest_is_no_output(self, store, text):
        folder = store.path(store.get_or_make(KEY, make_two_files))
        (folder / MANIFEST).write_text(text)
        assert store.problems(KEY)
        assert store.load(KEY) is None

    def test_extra_files_beside_an_output_do_no_harm(self, store):
        folder = store.path(store.get_or_make(KEY, make_two_files))
        (folder / "_prefect.json").write_text("{}")
        assert store.get_or_make(KEY, make_two_files).cached

    def test_a_step_that_raises_leaves_nothing_that_looks_finished(self, store):
        def fail(folder: Path) -> dict:
            make_two_files(folder)
            raise RuntimeError("disk on fire")

        with pytest.raises(RuntimeError, match="fire"):
            store.get_or_make(KEY, fail)
        assert not store.path(KEY).exists()
        assert store.load(KEY) is None
        assert store.get_or_make(KEY, make_two_files).summary == {"n": 2}

    def test_a_fresh_attempt_starts_from_an_empty_folder_unless_the_step_resumes(self, store):
        def fail(folder: Path) -> dict:
            (folder / "half").write_text("half")
            raise RuntimeError

        def look(folder: Path) -> dict:
            return {"found": (folder / "half").exists()}

        other = step_key("demo", 2)
        for key, resumable in ((KEY, False), (other, True)):
            with pytest.raises(RuntimeError):
                store.get_or_make(key, fail, resumable=resumable)
            assert store.get_or_make(key, look, resumable=resumable).summary == {"found": resumable}

    def test_another_key_with_the_same_short_name_is_not_taken_for_this_one(self, store):
        store.get_or_make(KEY, make_two_files)
        twin = StepKey(step=KEY.step, digest=KEY.digest[:16] + "0" * 48)
        assert store.path(twin) == store.path(KEY)
        assert store.load(twin) is None

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
    def test_a_disk_that_fails_is_one_clear_error_and_the_same_call_ends_well_later(self, store, code):
        def fail(folder: Path) -> dict:
            make_two_files(folder)
            raise OSError(code, os.strerror(code), str(folder / "big"))

        with pytest.raises(StoreError, match=rf"big: step demo cannot go on: {os.strerror(code)}"):
            store.get_or_make(KEY, fail)
        assert store.load(KEY) is None
        assert store.get_or_make(KEY, make_two_files).summary == {"n": 2}

    def test_a_clock_that_is_set_back_makes_nothing_twice_and_holds_no_lock(self, store, monkeypatch):
        first = store.get_or_make(KEY, make_two_files)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now - 86_400)
        monkeypatch.setattr(time, "time_ns", lambda: int((now - 86_400) * 1e9))
        assert store.get_or_make(KEY, make_two_files).cached
        other = store.get_or_make(step_key("demo", 2), make_two_files)
        # As if its files were made by that clock, and those it was made from after it.
        for file in list_files(store.path(other)):
            os.utime(file, (now - 86_400, now - 86_400))
        assert store.load(step_key("demo", 2)) is not None
        assert store.read(first, "").is_dir()

    def test_a_changed_summary_is_no_output(self, store):
        manifest = store.path(store.get_or_make(KEY, make_two_files)) / MANIFEST
        manifest.write_text(manifest.read_text().replace('"n": 2', '"n": 3'))
        assert store.load(KEY) is None

    def test_a_root_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(StoreError, match="store_dir"):
            Store(tmp_path / "file" / "store").get_or_make(KEY, make_two_files)


class TestRead:
    @pytest.mark.parametrize("name", ["small.txt", "large.bin", ""])
    def test_what_is_read_is_what_was_written(self, store, name):
        output = store.get_or_make(KEY, make_large_file)
        assert store.read(output, name) == store.path(KEY) / name

    @pytest.mark.parametrize("damage", ["bit", "cut", "gone", "folder"])
    def test_a_damaged_file_is_named_and_its_output_made_again_with_one_warning(self, store, caplog, damage):
        output = store.get_or_make(KEY, make_large_file)
        file = store.path(output) / "large.bin"
        if damage == "bit":
            flip_a_bit(file)
        elif damage == "cut":
            os.truncate(file, 5)
        else:
            file.unlink()
            if damage == "folder":
                file.mkdir()
        with pytest.raises(DamagedOutputError, match=r"large\.bin: (.*expected .*, found .*|missing)\. Start the same"):
            store.read(output, "large.bin")
        assert not store.get_or_make(KEY, make_large_file).cached
        (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert "large.bin" in warning
        assert "Step demo is made again" in warning
        assert store.read(output, "large.bin").read_bytes() == b"\0" * (SMALL_BYTES + 1)

    def test_a_damaged_file_does_no_harm_to_who_reads_another(self, store):
        output = store.get_or_make(KEY, make_large_file)
        flip_a_bit(store.path(output) / "large.bin")
        assert store.read(output, "small.txt").read_text() == "000001\n"

    def test_the_digests_are_those_of_the_files(self, store):
        output = store.get_or_make(KEY, make_large_file)
        assert store.digests(output) == {n: digest_file(store.path(output) / n) for n in ("small.txt", "large.bin")}
        assert store.digests(step_key("other", 1)) is None

    def test_what_no_step_wrote_cannot_be_read(self, store):
        output = store.get_or_make(KEY, make_large_file)
        (store.path(output) / "mine.txt").write_text("hello")
        with pytest.raises(DamagedOutputError, match=r"mine\.txt: expected a file that step demo wrote"):
            store.read(output, "mine.txt")

    def test_a_store_that_cannot_be_written_says_what_is_damaged_all_the_same(self, store, monkeypatch):
        output = store.get_or_make(KEY, make_large_file)
        flip_a_bit(store.path(output) / "large.bin")

        def read_only(*args):
            raise OSError(errno.EROFS, "read-only")

        monkeypatch.setattr("kittidet.store.write_text_atomic", read_only)
        with pytest.raises(DamagedOutputError, match=r"large\.bin"):
            store.read(output)
        assert not (store.path(output) / DAMAGED).exists()


def _make_slowly(root: Path, made: Path) -> None:
    def make(folder: Path) -> dict:
        with made.open("a") as stream:
            stream.write("made\n")
        time.sleep(0.5)
        return make_two_files(folder)

    Store(root).get_or_make(KEY, make)


def _make_forever(root: Path, started: Path) -> None:
    def make(folder: Path) -> dict:
        make_two_files(folder)
        started.touch()
        time.sleep(60)
        return {}

    Store(root).get_or_make(KEY, make)


class TestProcesses:
    def test_two_at_once_make_it_once(self, tmp_path):
        context = multiprocessing.get_context("spawn")
        made = tmp_path / "made"
        pair = [context.Process(target=_make_slowly, args=(tmp_path / "store", made)) for _ in range(2)]
        for process in pair:
            process.start()
        for process in pair:
            process.join(30)
            assert process.exitcode == 0
        assert made.read_text() == "made\n"

    def test_a_killed_maker_leaves_no_lock_and_no_output(self, tmp_path):
        started = tmp_path / "started"
        process = multiprocessing.get_context("spawn").Process(target=_make_forever, args=(tmp_path / "store", started))
        process.start()
        deadline = time.monotonic() + 30
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.join(10)
        store = Store(tmp_path / "store")
        assert store.load(KEY) is None
        assert not store.get_or_make(KEY, make_two_files).cached
