"""tasks.show: pages that carry their pictures, and nothing that could end a training."""

import base64
import io
import uuid

import httpx
import pytest
from PIL import Image

from tasks import show as artifacts


@pytest.fixture
def sent(monkeypatch) -> list:
    """Pretend to be in a run, and collect what would be sent to the server."""
    calls: list = []

    def collect(kind):
        def send(*args, **values):
            calls.append((kind, args, values))
            return uuid.uuid4()

        return send

    for kind in ("table", "markdown", "link", "progress"):
        monkeypatch.setattr(artifacts, f"create_{kind}_artifact", collect(kind))
    monkeypatch.setattr(artifacts, "update_progress_artifact", collect("update"))
    monkeypatch.setattr(artifacts, "is_in_run", lambda: True)
    return calls


def test_outside_a_run_nothing_is_sent(sent, monkeypatch):
    monkeypatch.setattr(artifacts, "is_in_run", lambda: False)
    artifacts.show_table("k", [{"a": 1}], "d")
    artifacts.show_text("k", "text", "d")
    artifacts.show_link("k", "file:///a", "a", "d")
    artifacts.Progress("k", "d").update(0.5, "half")
    assert sent == []


def test_facts_become_readable_rows(sent):
    artifacts.show_facts("k", {"n": 3, "share": 0.25, "leakage": None, "counts": {"Car": 2}, "names": []}, "d")
    assert sent[0][2]["table"] == [
        {"what": "n", "value": "3"},
        {"what": "share", "value": "0.2500"},
        {"what": "leakage", "value": "not known"},
        {"what": "counts", "value": "Car 2"},
        {"what": "names", "value": "none"},
    ]


def test_a_picture_travels_inside_its_page_and_is_never_wide():
    text = artifacts.picture_markdown(Image.new("RGBA", (3200, 400)), "caption")
    assert text.startswith("![caption](data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(text.partition("base64,")[2].removesuffix(")")))) as image:
        assert image.size == (1600, 200)


@pytest.mark.parametrize(("share", "percent"), [(-1.0, 0.0), (0.5, 50.0), (7.0, 100.0)])
def test_progress_stays_between_0_and_100_percent(sent, share, percent):
    artifacts.Progress("k", "d").update(share, "line")
    assert sent[-1][2] == {"progress": percent, "description": "line"}


def test_a_server_that_is_away_does_not_end_what_is_measured(sent, monkeypatch, caplog):
    def away(*args, **values):
        raise httpx.ConnectError("refused")

    bar = artifacts.Progress("k", "d")
    monkeypatch.setattr(artifacts, "update_progress_artifact", away)
    bar.update(0.5, "line")
    assert "progress.not_shown" in caplog.text
