import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from kittidet.config import ReportConfig
from kittidet.errors import DatasetContractError, StoreError
from kittidet.kitti import frames
from kittidet.kitti.labels import parse_label_file
from kittidet.kitti.tree import open_tree
from kittidet.report.page import SECTIONS
from kittidet.report.write import write_report

FEW = ReportConfig(gallery_frames=2)
ADDRESS = re.compile(r"(?:https?:)?//(?!www\.w3\.org/)[\w.-]+", re.IGNORECASE)


class Page(HTMLParser):
    """Everything that a page refers to, and the ids it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.asking: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        self.asking += [v for v in facts.values() if v and not v.startswith("data:")]
        if tag == "img":
            self.images.append(facts["src"])
        if facts.get("href"):
            self.links.append(facts["href"])
        if facts.get("id"):
            self.ids.append(facts["id"])
        if tag not in {"meta", "link", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in {"style", "script"}:
            self.asking.append(data)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"


def test_the_page_is_whole_and_has_every_section(written):
    report, _ = written
    page = Page(report.page.read_text(encoding="utf-8"))
    assert page.open == []
    assert {anchor for anchor, _ in SECTIONS} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids


def test_the_page_asks_nothing_of_the_network(written):
    page = Page(written[0].page.read_text(encoding="utf-8"))
    assert len(page.asking) > 100
    for text in page.asking:
        assert ADDRESS.findall(text) == []
        assert "@import" not in text
        assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)


def test_every_picture_is_in_the_page_and_every_link_leads_to_a_file(written):
    report, _ = written
    page = Page(report.page.read_text(encoding="utf-8"))
    label_errors = list((report.page.parent / "label_errors").iterdir())
    assert label_errors
    assert len(page.images) == 6 + len(label_errors)
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.images)
    files = [link for link in page.links if not link.startswith(("#", "data:"))]
    assert len(files) > 10
    for name in files:
        with Image.open(report.page.parent / name) as picture:
            picture.verify()
    assert (report.page.parent / "results.png").is_file()


def test_the_numbers_on_the_page_are_the_runs(written):
    report, run = written
    summary = json.loads((run / "summary.json").read_text())
    text = report.page.read_text(encoding="utf-8")
    assert f"<b>{summary['ap']:.3f}</b>" in text
    assert summary["digests"]["checkpoint"] in text
    assert "50% leakage" in text
    assert "Official KITTI AP" in text


def test_the_numbers_also_lie_beside_the_page_as_strict_json(written):
    report, run = written
    text = (report.page.parent / "measures.json").read_text(encoding="utf-8")
    numbers = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert numbers["coco"]["ap"] == pytest.approx(json.loads((run / "summary.json").read_text())["ap"])
    assert set(numbers["kitti"]["ap"]) == {"Car", "Pedestrian", "Cyclist"}
    assert numbers["diagnosis"]["worst_frames"]
    assert numbers["diagnosis"]["label_errors"]
    low, high = numbers["intervals"]["ap"]
    assert low < numbers["coco"]["ap"] < high


def test_page_and_numbers_name_the_same_worst_frames_with_the_same_counts(written):
    report, _ = written
    diagnosis = json.loads((report.page.parent / "measures.json").read_text(encoding="utf-8"))["diagnosis"]
    best, worst = (
        {p.stem.removeprefix(f"{kind}_") for p in (report.page.parent / "gallery").glob(f"{kind}_*.png")}
        for kind in ("best", "worst")
    )
    named = [frame for frame in diagnosis["worst_frames"] if frame["frame_id"] not in best]
    assert len(named) > len(worst) == 2
    assert {frame["frame_id"] for frame in named[:2]} == worst
    text = report.page.read_text(encoding="utf-8")
    for frame in named[:2]:
        counts = f"{frame['found']} found, {frame['missed']} missed, {frame['extra']} extra"
        assert f"<b>{frame['frame_id']}</b><span>{counts}</span>" in text
    assert f"detections below {diagnosis['min_score']:.2f} are not drawn" in text


def test_every_label_file_is_read_once(finished_run, synthetic_tree, tmp_path, monkeypatch):
    run = Path(shutil.copytree(finished_run, tmp_path / "street"))
    parsed = []
    monkeypatch.setattr(
        frames, "parse_label_file", lambda path, **kw: parsed.append(path) or parse_label_file(path, **kw)
    )
    write_report(run, tree=synthetic_tree, config=ReportConfig(gallery_frames=1))
    assert sorted(parsed) == sorted(synthetic_tree.label_path(i) for i in synthetic_tree.frame_ids)


@pytest.fixture(scope="module")
def again(written, synthetic_tree, tmp_path_factory):
    """The same report asked for where the sheet of curves was replaced, then one without the data and the sheet."""
    run = Path(shutil.copytree(written[1], tmp_path_factory.mktemp("again") / "street"))
    (run / "results.png").write_bytes(b"mine")
    same = write_report(run, tree=synthetic_tree, config=FEW)
    kept = (run / "results.png").read_bytes()
    (run / "results.png").unlink()
    return SimpleNamespace(run=run, same=same, kept=kept, without_data=write_report(run, tree=None, config=FEW))


def test_the_same_report_is_found_again(again, written):
    assert again.same == type(again.same)(again.run / "report" / "index.html", cached=True)
    assert again.same.page.read_bytes() == written[0].page.read_bytes()
    assert not [p.name for p in again.run.iterdir() if "partial" in p.name]


def test_a_report_without_the_data_says_so_in_a_folder_of_its_own(again):
    assert again.without_data.page.parent == again.run / "report-2"
    text = again.without_data.page.read_text(encoding="utf-8")
    assert text.count("The data set was not available") == 2
    assert Page(text).images == []
    assert "Possible label errors" in text


def test_the_sheet_of_curves_also_lies_in_the_run_folder_and_is_not_written_over(again, written):
    assert (written[1] / "results.png").read_bytes() == (written[0].page.parent / "results.png").read_bytes()
    assert again.kept == b"mine"
    assert (again.run / "results.png").read_bytes() == (again.run / "report-2" / "results.png").read_bytes()


def test_labels_of_unknown_occlusion_leave_out_the_kitti_table_and_the_page_says_why(
    finished_run, synthetic_tree, tmp_path
):
    """Case: run_ends_without_report."""
    run = Path(shutil.copytree(finished_run, tmp_path / "street"))
    data = Path(shutil.copytree(synthetic_tree.root, tmp_path / "data"))
    for label in (data / "training" / "label_2").iterdir():
        rows = [line.split() for line in label.read_text().splitlines()]
        # As conversion from COCO writes them: occlusion 3, which counts at no level.
        unknown = [row if row[0] == "DontCare" else [*row[:2], "3", *row[3:]] for row in rows]
        label.write_text("".join(" ".join(row) + "\n" for row in unknown))
    report = write_report(run, tree=open_tree(data), config=ReportConfig(gallery_frames=1))
    text = report.page.read_text(encoding="utf-8")
    assert "There are no official KITTI scores: no ground truth: the labels of 9 frames hold no Car" in text
    assert "KITTI Car, moderate" not in text
    assert "The data set was not available" not in text
    assert (report.page.parent / "gallery_best.png").is_file()
    numbers = json.loads((report.page.parent / "measures.json").read_text(encoding="utf-8"))
    assert numbers["kitti"] is None
    assert "counts at any level" in numbers["kitti_missing"]


def test_a_report_that_fails_leaves_nothing(finished_run, synthetic_tree, tmp_path):
    run = Path(shutil.copytree(finished_run, tmp_path / "street"))
    data = Path(shutil.copytree(synthetic_tree.root, tmp_path / "data"))
    names = sorted(p.name for p in run.iterdir())
    image = next((data / "training" / "image_2").glob("*.png"))
    image.write_bytes(image.read_bytes()[:2000])
    with pytest.raises(DatasetContractError, match=image.name):
        write_report(run, tree=type(synthetic_tree)(data), config=ReportConfig(gallery_frames=9))
    assert sorted(p.name for p in run.iterdir() if p.name != ".report.lock") == names


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"ground_truth\.json: cannot read it"):
        write_report(tmp_path, tree=None, config=FEW)
