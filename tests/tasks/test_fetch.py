"""tasks.fetch: one library call, tried again when the network may pass."""

from kittidet.config import SourceConfig
from kittidet.store import Store
from tasks import fetch as module
from tasks.fetch import fetch


def test_it_hands_the_source_to_the_step_and_returns_what_stands_for_its_output(prepared, synthetic_root):
    assert prepared.dataset.summary["root"] == str(synthetic_root)
    assert prepared.dataset.output(Store(prepared.store_dir)).path.is_dir()


def test_it_is_retried_with_growing_pauses_and_ends_within_a_day(monkeypatch):
    assert fetch.retries == 4
    pauses = fetch.retry_delay_seconds
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]
    assert fetch.timeout_seconds == 24 * 3600


def test_progress_is_shown_once_a_percent(monkeypatch):
    shown = []

    class Bar:
        def __init__(self, key, description):
            shown.append(key)

        def update(self, share, description):
            shown.append((round(share, 2), description))

    monkeypatch.setattr(module, "Progress", Bar)
    progress = module._FileProgress()
    for done in (0, 1, 2, 1000):
        progress("image_2.zip", done, 1000)
    progress("mapping.zip", 5, None)
    assert shown == [
        "kitti-fetch-progress",
        (0.0, "image_2.zip: 0 of 1,000"),
        (1.0, "image_2.zip: 1,000 of 1,000"),
    ]


def test_the_run_s_name_says_what_is_fetched():
    assert fetch.task_run_name.format(source=SourceConfig(kind="synthetic")) == "fetch synthetic data"
