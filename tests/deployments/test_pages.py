"""Prefect's pages in a browser: the form, a run started by a click, its progress, and what a re-training shows.

Skips without Chromium. With `KITTIDET_SCREENSHOTS=FOLDER` the documents' images are made on the way, of a training that
finds something: `KITTIDET_SCREENSHOTS=docs/img python -m pytest tests/deployments/test_pages.py -m slow`.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from fixtures.real_runs import SMALL, TRAINED_WITHIN_S, child_of, running, state_of, wait_for

from deployments.project import Project
from kittidet.presets import DEFAULT_PRESET, preset

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

BROWSER = shutil.which("chromium")
# A page asks the server for many things; on a busy machine each takes its time.
PATIENCE_MS = 120_000
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EPOCHS = 8
SCREENSHOTS = os.environ.get("KITTIDET_SCREENSHOTS")
# Its name is on them.
SHOWN_PROJECT = Path("/tmp/kitti-demo")
FRAMES, MORE_FRAMES = (40, 48) if SCREENSHOTS else (10, 12)
SETTINGS = ["records.train_shards=2", "records.val_shards=1"] if SCREENSHOTS else SMALL
CARDS = "a[href*='/artifacts/artifact/']"
# A run that has just begun shows nothing yet.
LOOKED_FOR_MS = 15_000
ENDED = {"Completed", "Failed", "Crashed", "Cancelled"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator:
    """A browser on a server with workers, whose `kitti-retrain` trains a tiny network on some synthetic frames."""
    if BROWSER is None:
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate

    root = SHOWN_PROJECT if SCREENSHOTS else tmp_path_factory.mktemp("project")
    root.mkdir(exist_ok=True)
    places = [f"store_dir={json.dumps(str(root / 'store'))}", f"runs_dir={json.dumps(str(root / 'runs'))}"]
    length = [f"train.epochs={EPOCHS}", "train.checkpoint_every_epochs=3"]
    overrides = [*SETTINGS, *places, *length, f"source.synthetic_frames={FRAMES}"]
    template = request.config.cache.mkdir("prefect") / f"{version('prefect')}.db"
    with running(Project(root), template), sync_playwright() as playwright:
        with get_client(sync_client=True) as client:
            form = client.read_deployment_by_name("kitti-finetune/kitti-finetune").id
            deployment = client.read_deployment_by_name("kitti-retrain/kitti-retrain").id
            parameters = {"preset": "demo", "overrides": overrides, "trainer": "gpu-pool"}
            client.update_deployment(deployment, DeploymentUpdate(parameters=parameters))
        browser = playwright.chromium.launch(executable_path=BROWSER, args=[*QUIET])
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.set_default_timeout(PATIENCE_MS)
        address = os.environ["PREFECT_API_URL"].removesuffix("/api")
        yield SimpleNamespace(page=page, address=address, form=form, deployment=deployment, parameters=parameters)
        browser.close()


@pytest.fixture(scope="module")
def started(pages) -> SimpleNamespace:
    """A re-training started by a click and followed to its end."""
    run_id = submit(pages, "first")
    return SimpleNamespace(id=run_id, seen=follow(pages, run_id))


@pytest.fixture(scope="module")
def compared(pages, started):
    """A second re-training, on more frames: its flow run."""
    from prefect.client.orchestration import get_client

    more = ["train.epochs=1", "train.checkpoint_every_epochs=1", f"source.synthetic_frames={MORE_FRAMES}"]
    parameters = pages.parameters | {"overrides": [*pages.parameters["overrides"], *more]}
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(pages.deployment, parameters=parameters, name="second")
        assert wait_for(run.id, ENDED, TRAINED_WITHIN_S) == "Completed"
        return client.read_flow_run(run.id)


def test_a_form_has_choices_descriptions_and_the_preset_s_values(pages):
    page = open_form(pages, pages.form)
    page.get_by_role("button", name="RunConfig").click()
    page.get_by_text("passes over the training frames").wait_for()
    page.get_by_text("sgd: with momentum and l2; adamw: with weight_decay").wait_for()
    fields = page.locator(".schema-form-property")
    optimizer = fields.filter(has_text="sgd: with momentum and l2").last
    save_screenshot(pages, "form")
    assert "adamw" in optimizer.inner_text()
    assert optimizer.locator("select, .p-select-button, .p-select, [role=combobox]").count()
    epochs = fields.filter(has_text="passes over the training frames").last.locator("input[type=number]")
    assert int(epochs.input_value()) == preset(DEFAULT_PRESET).train.epochs


def test_a_value_out_of_range_is_refused_where_it_is_typed(pages):
    page = open_form(pages, pages.form)
    page.get_by_role("button", name="RunConfig").click()
    fields = page.locator(".schema-form-property")
    fields.filter(has_text="passes over the training frames").last.locator("input[type=number]").fill("-3")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text(re.compile("less than|minimum|greater than", re.IGNORECASE)).first.wait_for()
    assert "/run" in page.url


def test_a_run_started_by_a_click_ends_completed(started):
    assert state_of(started.id) == "Completed"


def test_the_run_that_was_started_shows_the_epoch_of_its_training_while_it_trains(started):
    assert any(re.search(rf"epoch \d of {EPOCHS}", line) for line in started.seen)


def test_the_page_of_a_retraining_says_in_one_sentence_what_was_decided(pages, compared):
    open_artifacts(pages, compared.id)
    card_of(pages, "kitti-decision").click()
    pages.page.get_by_text(compared.state.message).first.wait_for()
    assert re.match(r"demo version \d (stays|takes the place)", compared.state.message)


def test_the_page_of_a_retraining_shows_champion_and_challenger_beside_each_other(pages, compared):
    open_artifacts(pages, compared.id)
    card_of(pages, "kitti-comparison").click()
    pages.page.get_by_text("version 2, the challenger", exact=True).wait_for()
    assert pages.page.get_by_text("version 1, the champion", exact=True).count() == 1
    assert image_width(pages) == 1600
    save_screenshot(pages, "comparison", height=1240)


def test_every_link_that_an_artifact_shows_opens(pages, compared):
    finetune = child_of(compared.id)
    found = {shown.id: shown for run_id in (compared.id, finetune, child_of(finetune)) for shown in shown_by(run_id)}
    texts = {number: f"{shown.description} {shown.data}" for number, shown in found.items()}
    # No browser follows one from a server's page.
    assert [found[number].key for number, text in texts.items() if "file:" in text] == []
    opened = {}
    for number in (number for number, text in texts.items() if re.search(r"\]\((?!data:)|<a ", text)):
        pages.page.goto(f"{pages.address}/artifacts/artifact/{number}")
        links = pages.page.locator("a[target='_blank']")
        links.first.wait_for()
        for link in links.all():
            with pages.page.expect_popup() as popup:
                link.click()
            kind, target = popup.value.url.removeprefix(f"{pages.address}/").rsplit("/", 1)
            # A page that is not there says so, and does not know the name of what it shows.
            popup.value.get_by_text(name_of(kind, target)).first.wait_for()
            opened[found[number].key, link.inner_text()] = name_of(kind, target)
            if link.inner_text() == "more frames":
                assert image_width(SimpleNamespace(page=popup.value)) == 1600
            popup.value.close()
    texts = ["summary", "more frames", "curves and confusion", "its run"]
    assert [text for key, text in opened if key == "kitti-comparison"] == texts


def open_form(pages, deployment):
    page = pages.page
    page.goto(f"{pages.address}/deployments/deployment/{deployment}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").first.click()
    page.get_by_role("button", name="Submit").wait_for()
    return page


def submit(pages, name: str):
    """Fill the form in, click, and return the id of the run."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    page = open_form(pages, pages.deployment)
    page.locator(".flow-run-name-input input").fill(name)
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("scheduled to start").first.wait_for()
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[name])))
    return run.id


def follow(pages, run_id) -> list[str]:
    """Look at a run's artifacts until it has ended; return what stood there about its training."""
    seen: list[str] = []
    while state_of(run_id) not in ENDED:
        found = [text for text in open_artifacts(pages, run_id) if "kitti-training-progress" in text]
        if any(re.search(r"epoch [2-6] of", text) for text in found):
            save_screenshot(pages, "progress", height=1100)
        seen += found
    return seen


def open_artifacts(pages, run_id) -> list[str]:
    """Open what a run shows, and return what stands on its cards; none where it has none yet."""
    from playwright.sync_api import TimeoutError as TooLateError

    pages.page.goto(f"{pages.address}/runs/flow-run/{run_id}")
    pages.page.get_by_text("Artifacts", exact=True).first.click()
    cards = pages.page.locator(CARDS)
    with suppress(TooLateError):
        cards.first.wait_for(timeout=PATIENCE_MS if state_of(run_id) in ENDED else LOOKED_FOR_MS)
    return [card.inner_text() for card in cards.all()]


def card_of(pages, key: str):
    # The whole key: another one may begin with it.
    return pages.page.locator(CARDS).filter(has=pages.page.get_by_text(key, exact=True)).first


def image_width(pages) -> int:
    """Return the true width of the first image that is embedded in a page, once it is decoded."""
    image = pages.page.locator("img[src^='data:image/']").first
    image.wait_for()
    return image.evaluate("async image => { await image.decode(); return image.naturalWidth }")


def shown_by(run_id) -> list:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=of_run, limit=200)


def name_of(kind: str, number: str) -> str:
    """Return what stands on the page of an artifact or of a flow run."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterId

    with get_client(sync_client=True) as client:
        if kind == "runs/flow-run":
            return client.read_flow_run(number).name
        assert kind == "artifacts/artifact", kind
        (shown,) = client.read_artifacts(artifact_filter=ArtifactFilter(id=ArtifactFilterId(any_=[number])))
        return shown.key


def save_screenshot(pages, name: str, *, height: int = 1000) -> None:
    """Save the top of a page where images are asked for."""
    if SCREENSHOTS:
        clip = {"x": 0, "y": 0, "width": 1280, "height": height}
        pages.page.screenshot(path=f"{SCREENSHOTS}/{name}.jpg", type="jpeg", quality=60, clip=clip)
