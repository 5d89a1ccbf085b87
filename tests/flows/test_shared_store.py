"""A whole run of the flow on two machines with nothing in common but the URL of their store."""

import pytest

from kittidet.config import RunConfig

STEPS = {
    "fetch synthetic data",
    "validate the data contract",
    "split by random80",
    "write train records",
    "write val records",
    "fine-tune d0 for 60 epochs",
    *(f"evaluate step-0000000{step}" for step in (1, 2, 3)),
}
# Not cached: they find what they made, and show it on every run's page.
ALWAYS = ("publish run shared", "report on run shared")
# What makes an output where there is none.
MAKERS = (
    "synthetic.dataset.render_dataset",
    "steps.validate.write_validation",
    "kitti.split.split_frames",
    "records.write.write_records",
)


@pytest.mark.slow
@pytest.mark.timeout(900)  # four whole runs
def test_a_second_machine_makes_nothing_that_the_first_has_made(
    task_states, fake_training, few_draws, bucket, on_machine, tmp_path, monkeypatch
):
    from flows.kitti_finetune import kitti_finetune

    def run(machine: str):
        on_machine(machine)
        config = RunConfig(
            name="shared",
            store_dir=bucket,
            runs_dir=tmp_path / machine / "runs",
            source={"kind": "synthetic", "synthetic_frames": 10, "synthetic_seed": 3},
            split={"val_share": 0.3},
            train={"initial_weights": None},
        )
        state = kitti_finetune(config=config, trainer="here", return_state=True)
        return state.result(), task_states(state.state_details.flow_run_id)

    first, states = run("first")
    assert states == dict.fromkeys([*STEPS, *ALWAYS], "Completed")
    assert run("first")[1] == dict.fromkeys(STEPS, "Cached") | dict.fromkeys(ALWAYS, "Completed")

    for maker in MAKERS:
        monkeypatch.setattr(f"kittidet.{maker}", lambda *_, **__: pytest.fail("made again"))
    second, states = run("second")
    assert states == dict.fromkeys([*STEPS, *ALWAYS], "Completed")
    assert fake_training == {"train": 1, "evaluate": 3}
    assert not second.cached
    assert second.summary["digests"] == first.summary["digests"]
    assert second.summary["outputs"] == first.summary["outputs"]
    assert (second.path / "weights" / "best" / "model.weights.h5").read_bytes() == b"\2"
    # From then on they are Cached there too.
    assert run("second")[1] == dict.fromkeys(STEPS, "Cached") | dict.fromkeys(ALWAYS, "Completed")
