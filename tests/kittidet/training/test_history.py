"""The history is a table with a row for each epoch."""

from dataclasses import asdict

from kittidet.training.history import EpochReport, write_history

REPORT = EpochReport(
    epoch=1, step=10, learning_rate=0.1, loss=2.5, cls_loss=1.0, box_loss=0.5, iou_loss=0.0, l2_loss=0.25,
    num_positives=12.0, seconds=3.5,
)  # fmt: skip
HEADER = (
    "epoch,step,learning_rate,loss,cls_loss,box_loss,iou_loss,l2_loss,num_positives,seconds,"
    "val_ap,val_ap50,score_seconds"
)


def test_no_rows_give_the_header_alone(tmp_path):
    write_history(tmp_path / "history.csv", [])
    assert (tmp_path / "history.csv").read_text() == HEADER + "\n"


def test_a_report_is_one_row_and_nothing_is_left_beside_the_file(tmp_path):
    write_history(tmp_path / "history.csv", [asdict(REPORT)])
    assert (tmp_path / "history.csv").read_text() == HEADER + "\n1,10,0.1,2.5,1.0,0.5,0.0,0.25,12.0,3.5,,,0.0\n"
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]
