"""kittidet.progress: one bar a file, on the error stream, known total or not."""

import logging

from kittidet.progress import file_progress, in_words


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
