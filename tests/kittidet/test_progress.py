"""kittidet.progress: one bar a file, on the error stream, known total or not."""

from kittidet.progress import file_progress


def test_each_file_gets_a_bar_on_the_error_stream(capsys):
    with file_progress() as report:
        report("images.zip", 0, None)
        report("images.zip", 50, 100)
        report("labels.zip", 5, 5)
    captured = capsys.readouterr()
    assert "images.zip" in captured.err
    assert "labels.zip" in captured.err
    assert captured.out == ""
