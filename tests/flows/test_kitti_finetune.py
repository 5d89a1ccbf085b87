"""flows.kitti_finetune: every task in its order, Cached exactly when its output is whole."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import get_args

import pytest

from kittidet.config import RunConfig, SourceConfig, SplitConfig, TrainConfig
from kittidet.errors import ArchiveError, ConfigError, DatasetContractError
from kittidet.presets import PRESETS


@pytest.fixture
def config(tmp_path: Path, synthetic_root: Path) -> RunConfig:
    return RunConfig(
        name="synthetic",
        store_dir=tmp_path / "store",
        runs_dir=tmp_path / "runs",
        source=SourceConfig(kind="folder", path=synthetic_root),
        split=SplitConfig(val_share=0.3),
        train=TrainConfig(initial_weights=None),
    )


@pytest.fixture
def run(task_states, fake_training, few_draws):
    """Run the flow and return its result with the final state of each task by task run name."""
    from flows.kitti_finetune import kitti_finetune

    def run(**parameters):
        state = kitti_finetune(trainer="here", return_state=True, **parameters)
        return state.result(), task_states(state.state_details.flow_run_id)

    return run


STEPS = {
    "fetch folder data",
    "validate the data contract",
    "split by random80",
    "write train records",
    "write val records",
    "fine-tune d0 for 60 epochs",
    "evaluate step-00000001",
    "evaluate step-00000002",
    "evaluate step-00000003",
}

# Not cached: they find what they made, and show it on every run's page.
ALWAYS = ("publish run synthetic", "report on run synthetic")


def test_a_run_ends_in_the_checkpoint_with_the_best_ap_and_a_second_one_is_cached(run, config, fake_training):
    result, states = run(config=config)
    assert states == dict.fromkeys([*STEPS, *ALWAYS], "Completed")
    assert (result.summary["ap"], result.summary["best_step"]) == (0.5, 2)
    assert (result.path / "weights" / "best" / "model.weights.h5").read_bytes() == b"\2"
    assert json.loads((result.path / "summary.json").read_text()) == result.summary

    again, states = run(config=config)
    assert states == dict.fromkeys(STEPS, "Cached") | dict.fromkeys(ALWAYS, "Completed")
    assert again.cached
    assert again.path == result.path
    assert fake_training == {"train": 1, "evaluate": 3}

    # A deleted output is made again, and nothing else.
    shutil.rmtree(next(config.store_dir.glob("split-*")))
    _, states = run(config=config)
    assert {name for name, state in states.items() if state == "Completed"} == {
        "split by random80",
        *ALWAYS,
    }

    # So is a damaged one.
    damaged = next(config.store_dir.glob("records-val-*")) / "manifest.json"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-2] + b" \n")
    _, states = run(config=config)
    assert {name for name, state in states.items() if state == "Completed"} == {
        "write val records",
        *ALWAYS,
    }
    assert damaged.read_bytes() == whole

    # The same data at another path: only where it lies is new.
    moved = config.store_dir.parent / "moved"
    shutil.copytree(config.source.path, moved)
    _, states = run(config=config, overrides=(f"source.path={moved}",))
    assert {name for name, state in states.items() if state == "Completed"} == {
        "fetch folder data",
        *ALWAYS,
    }

    # A changed option: everything that depends on it, nothing else.
    _, states = run(config=config, overrides=("evaluation.nms=hard",))
    changed = {name for name, state in states.items() if state == "Completed"}
    assert changed == {
        *(f"evaluate step-0000000{step}" for step in (1, 2, 3)),
        "publish run synthetic",
        "report on run synthetic-2",
    }


@pytest.fixture
def artifacts_of(prefect_server, monkeypatch):
    """Return a function: a flow run's id -> its artifacts by key, each of which was sent once, and its name."""
    from prefect.client.orchestration import SyncPrefectClient, get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    sent: dict[str, list[str]] = {}
    create = SyncPrefectClient.create_artifact

    def create_artifact(self, artifact):
        sent.setdefault(str(artifact.flow_run_id), []).append(artifact.key)
        return create(self, artifact)

    monkeypatch.setattr(SyncPrefectClient, "create_artifact", create_artifact)

    def find(flow_run_id) -> tuple[dict, str]:
        with get_client(sync_client=True) as client:
            of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
            found = client.read_artifacts(artifact_filter=of_run, limit=200)
            # Counted as they are sent: Prefect's client asks again where a reply is lost, and the server then has two.
            keys = sent[str(flow_run_id)]
            assert len(set(keys)) == len(keys)
            assert {a.key for a in found} == set(keys)
            by_age = sorted(found, key=lambda artifact: artifact.updated)
            return {a.key: a for a in by_age}, client.read_flow_run(flow_run_id).name

    return find


def test_artifacts_tell_the_run_and_a_cached_one_has_the_same(fake_training, few_draws, config, artifacts_of):
    from flows.kitti_finetune import kitti_finetune

    def finetune() -> tuple[dict, str]:
        state = kitti_finetune(config=config, trainer="here", return_state=True)
        return artifacts_of(state.state_details.flow_run_id)

    found, name = finetune()
    again, second_name = finetune()
    assert all(artifact.description.endswith(f"({name})") for artifact in found.values())
    assert all(artifact.description.endswith(f"({second_name})") for artifact in again.values())
    assert {key: a.data for key, a in again.items()} == {key: a.data for key, a in found.items()}
    assert all(artifact.task_run_id is not None for artifact in again.values())
    kinds = {key: artifact.type for key, artifact in found.items()}
    assert kinds["kitti-data"] == kinds["kitti-split"] == kinds["kitti-records-train"] == "table"
    assert kinds["kitti-ap-by-checkpoint"] == kinds["kitti-validation"] == "table"
    assert kinds["kitti-training-progress"] == "progress"
    assert kinds["kitti-report"] == "markdown"
    assert not [key for key, artifact in found.items() if "file://" in str(artifact.data)]
    assert "data:image/jpeg;base64," in found["kitti-labels-train"].data
    assert "data:image/jpeg;base64," in found["kitti-predictions"].data
    assert [row["ap"] for row in json.loads(found["kitti-ap-by-checkpoint"].data)] == [0.1, 0.5, 0.3]


def test_a_run_whose_training_was_another_run_s_shows_its_scores(
    fake_training, few_draws, config, artifacts_of, monkeypatch
):
    from flows.kitti_finetune import kitti_finetune
    from flows.kitti_train import kitti_train

    # What a worker of the GPU pool does, here and now.
    monkeypatch.setattr("flows.kitti_finetune.train_on_gpu_pool", kitti_train)
    state = kitti_finetune(config=config, trainer="gpu-pool", return_state=True)
    found, _ = artifacts_of(state.state_details.flow_run_id)
    assert {"kitti-training", "kitti-training-progress"} | {
        f"kitti-ap-step-0000000{step}" for step in (1, 2, 3)
    } <= set(found)
    assert json.loads(found["kitti-ap-step-00000002"].data)[0] == {"class": "all", "ap": 0.5, "ap50": 0.5}


def test_a_data_set_that_breaks_the_contract_stops_the_run_each_time(run, config, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(config.source.path, bad)
    (bad / "training" / "label_2" / "000001.txt").write_text("Car 0.00 0\n")
    change = (f"source.path={bad}",)
    lenient = (*change, "validation.max_bad_share=1.0")
    with pytest.raises(DatasetContractError, match="1 of 10 frames"):
        run(config=config, overrides=change)
    result, _ = run(config=config, overrides=lenient)
    assert result.summary["n_set_aside"] == 1
    # The lenient run left a whole output and a record of it; a strict one must not be satisfied with them.
    with pytest.raises(DatasetContractError, match="1 of 10 frames"):
        run(config=config, overrides=change)


def test_wrong_settings_end_the_run_in_one_line_before_anything_runs(prefect_server, config, caplog):
    from flows.kitti_finetune import kitti_finetune

    state = kitti_finetune(config=config, overrides=("train.epochz=3", "name=a/b"), return_state=True)
    assert state.is_failed()
    assert "train.epochz" in state.message
    assert "name: " in state.message
    assert "\n" not in state.message
    assert "Traceback" not in caplog.text
    with pytest.raises(ConfigError, match=r"train\.epochz"):
        state.result()
    assert not config.store_dir.exists()


@pytest.mark.parametrize(
    ("weights", "trainer", "message"),
    [("no/where", "here", "no/where"), ("no/where", "gpu-pool", "no/where"), ("coco", "here", "put it there")],
)
def test_start_weights_that_cannot_be_had_end_the_run_in_one_line_before_data_is_fetched(
    task_states, config, monkeypatch, tmp_path, weights, trainer, message
):
    from flows.kitti_finetune import kitti_finetune

    def no_network(variant):
        raise ArchiveError(f"efficientdet-{variant}.tar.gz:\n put it there")

    monkeypatch.setattr("kittidet.training.start.fetch_pretrained", no_network)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    overrides = (f"train.initial_weights={weights}",)
    state = kitti_finetune(config=config, overrides=overrides, trainer=trainer, return_state=True)
    assert state.is_failed()
    assert message in state.message
    assert "\n" not in state.message
    assert task_states(state.state_details.flow_run_id) == {}
    assert not list(config.store_dir.glob("*/_output.json"))


@pytest.mark.parametrize(("typed", "name"), [("first-try", "first-try"), (None, r"demo \d{4}-\d\d-\d\d [\d:]{8}")])
def test_the_name_that_a_person_typed_stays(prefect_server, typed, name):
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow_sync

    from flows.kitti_finetune import kitti_finetune

    parameters = {"preset": "demo", "overrides": ["no_such=1"]}
    with get_client(sync_client=True) as client:
        # As the pages and `prefect deployment run` do it: the run is there, with its name, before it starts.
        flow_run = client.create_flow_run(kitti_finetune, name=typed, parameters=parameters)
        run_flow_sync(kitti_finetune, flow_run=flow_run, parameters=parameters, return_type="state")
        assert re.fullmatch(name, client.read_flow_run(flow_run.id).name)


def test_what_a_config_leaves_out_is_the_preset_s(run, config):
    change = {"train": {"epochs": 3}, **config.model_dump(mode="json", include={"store_dir", "runs_dir", "source"})}
    result, _ = run(config=change, preset="demo", overrides=("split.val_share=0.3",))
    made = RunConfig.model_validate_json((result.path / "config.json").read_text())
    demo = PRESETS["demo"]()
    assert made.train == demo.train.model_copy(update={"epochs": 3})
    assert (made.name, made.model, made.evaluation) == (demo.name, demo.model, demo.evaluation)


def test_the_form_offers_every_preset():
    from flows.kitti_finetune import PresetName

    assert set(get_args(PresetName)) == set(PRESETS)


def test_the_parameters_make_a_form_that_a_scheduled_run_need_not_fill():
    from flows.kitti_finetune import kitti_finetune

    schema = kitti_finetune.parameters.model_dump()
    assert schema["required"] == []
    assert schema["properties"]["preset"]["default"] == "kitti_d0"
    assert "TrainConfig" in schema["definitions"]


def test_the_flow_loads_neither_tensorflow_nor_pandas_before_a_step_needs_them():
    import subprocess

    code = "import flows.kitti_finetune, sys; print({'tensorflow', 'keras', 'pandas', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_a_mirrored_run_has_a_task_more_and_another_address_makes_nothing_again(
    run, config, fake_training, mlflow_client, monkeypatch
):
    mirror = {"mirror synthetic to MLflow": "Completed"}
    result, states = run(config=config)
    assert states == dict.fromkeys([*STEPS, *ALWAYS], "Completed") | mirror
    (experiment,) = (e for e in mlflow_client.search_experiments() if e.name == "kittidet")
    (found,) = mlflow_client.search_runs([experiment.experiment_id])
    assert (found.data.metrics["ap"], found.data.tags["kittidet.folder"]) == (0.5, str(result.path))
    # Nobody listens there: the run is as good as without.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    again, states = run(config=config)
    assert states == dict.fromkeys(STEPS, "Cached") | dict.fromkeys(ALWAYS, "Completed") | mirror
    assert (again.cached, again.path) == (True, result.path)
    assert fake_training == {"train": 1, "evaluate": 3}
