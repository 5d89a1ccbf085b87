"""kittidet.progress: one bar a file, on the error stream, known total or not."""

import logging

from kittidet.progress import file_progress, in_words, time_left


def test_each_file_gets_a_bar_on_the_error_stream(capsys):
    with file_progress() as report:
        report("images.zip", 0, None)
        report("images.zip", 50, 100)
        report("labels.zip", 5, 5)
    captured = capsys.readouterr()
    assert "images.zip" in captured.err
    assert "labels.zip" in captured.err
    assert captured.out == ""


def test_a_line_in_words_carries_its_sentence_beside_its_fields(caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("kittidet.test").info("fit.epoch epoch=%d", 3, extra=in_words("epoch 3 of 9"))
    (record,) = caplog.records
    assert (record.getMessage(), record.in_words) == ("fit.epoch epoch=3", "epoch 3 of 9")


def test_the_time_left_is_said_in_minutes_then_in_hours_and_not_when_it_is_over():
    said = [time_left(seconds) for seconds in (0, 29, 90, 119 * 60, 120 * 60, 7_500)]
    assert said == [
        "",
        "",
        ", about 2 min left",
        ", about 119 min left",
        ", about 2 h 0 min left",
        ", about 2 h 5 min left",
    ]
