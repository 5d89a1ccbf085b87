"""Prefect's pages in a browser: the form, a run started by a click, and its progress. Skips without Chromium."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from fixtures.real_runs import SMALL, running, state_of

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
ENDED = {"Completed", "Failed", "Crashed", "Cancelled"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator:
    """A browser on a server with workers, whose `kitti-retrain` trains a tiny network on ten synthetic frames."""
    if BROWSER is None:
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate

    root = tmp_path_factory.mktemp("project")
    places = [f"store_dir={json.dumps(str(root / 'store'))}", f"runs_dir={json.dumps(str(root / 'runs'))}"]
    overrides = [*SMALL, *places, f"train.epochs={EPOCHS}", "train.checkpoint_every_epochs=3"]
    template = request.config.cache.mkdir("prefect") / f"{version('prefect')}.db"
    with running(Project(root), template), sync_playwright() as playwright:
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name("kitti-retrain/kitti-retrain")
            parameters = {"preset": "demo", "overrides": overrides, "trainer": "gpu-pool"}
            client.update_deployment(deployment.id, DeploymentUpdate(parameters=parameters))
        browser = playwright.chromium.launch(executable_path=BROWSER, args=[*QUIET])
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.set_default_timeout(PATIENCE_MS)
        address = os.environ["PREFECT_API_URL"].removesuffix("/api")
        yield SimpleNamespace(page=page, address=address, deployment=deployment.id)
        browser.close()


@pytest.fixture(scope="module")
def started(pages) -> SimpleNamespace:
    """A re-training started by a click and followed to its end."""
    run_id = submit(pages, "first")
    return SimpleNamespace(id=run_id, seen=follow(pages, run_id))


def test_a_form_has_choices_descriptions_and_the_preset_s_values(pages):
    page = open_form(pages)
    page.get_by_role("button", name="RunConfig").click()
    page.get_by_text("passes over the training frames").wait_for()
    page.get_by_text("sgd: with momentum and l2; adamw: with weight_decay").wait_for()
    fields = page.locator(".schema-form-property")
    optimizer = fields.filter(has_text="sgd: with momentum and l2").last
    assert "adamw" in optimizer.inner_text()
    assert optimizer.locator("select, .p-select-button, .p-select, [role=combobox]").count()
    epochs = fields.filter(has_text="passes over the training frames").last.locator("input[type=number]")
    assert int(epochs.input_value()) == preset(DEFAULT_PRESET).train.epochs


def test_a_value_out_of_range_is_refused_where_it_is_typed(pages):
    page = open_form(pages)
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


def open_form(pages):
    page = pages.page
    page.goto(f"{pages.address}/deployments/deployment/{pages.deployment}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").first.click()
    page.get_by_role("button", name="Submit").wait_for()
    return page


def submit(pages, name: str):
    """Fill the form in, click, and return the id of the run."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    page = open_form(pages)
    page.locator(".flow-run-name-input input").fill(name)
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("scheduled to start").first.wait_for()
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[name])))
    return run.id


def follow(pages, run_id) -> list[str]:
    """Look at a run's artifacts until it has ended; return what stood there about its training."""
    page = pages.page
    seen: list[str] = []
    while state_of(run_id) not in ENDED:
        page.goto(f"{pages.address}/runs/flow-run/{run_id}")
        page.get_by_text("Artifacts", exact=True).first.click()
        page.get_by_text("Task runs", exact=True).last.wait_for()
        page.wait_for_load_state("networkidle")
        cards = [card.inner_text() for card in page.locator("a[href*='/artifacts/artifact/']").all()]
        seen += [text for text in cards if "kitti-training-progress" in text]
    return seen
