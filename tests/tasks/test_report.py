"""tasks.report: the run's page, and the link to it."""

from tasks import report as module
from tasks.publish import publish
from tasks.report import report


def test_the_page_is_written_once_and_linked_each_time(prepared, results, few_draws, monkeypatch, tmp_path):
    links = []
    monkeypatch.setattr(module, "show_link", lambda _key, link, _text, _description: links.append(link))
    config = prepared.config.model_copy(update={"runs_dir": tmp_path / "runs"})
    run = publish.fn(prepared.store_dir, config, results)
    page = report.fn(prepared.store_dir, run, prepared.dataset)
    assert page == run.path / "report" / "index.html"
    written = page.stat().st_mtime_ns
    assert report.fn(prepared.store_dir, run, prepared.dataset) == page
    assert page.stat().st_mtime_ns == written
    assert links == [page.as_uri()] * 2
