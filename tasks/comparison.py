"""What a person sees of champion and challenger beside each other: AP by class, what both find, and links to the rest.

The sentence that says what came of it is the artifact `kitti-decision` (`tasks/retraining.py`).
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey

from kittidet.eval.score_text import score_text
from kittidet.steps.judge import Outcome, compared
from kittidet.steps.plan import Plan
from kittidet.steps.publish import PublishedRun
from kittidet.store import Store
from tasks.absence import outlast
from tasks.artifacts import show_text
from tasks.show import comparison_gallery, image_markdown

# What the run of the challenger's training shows, by the key of its artifact.
_PAGES = {"kitti-run": "summary", "kitti-predictions": "more frames", "kitti-report": "curves and confusion"}


def show_comparison(store: Store, plan: Plan, outcome: Outcome, published: PublishedRun, run_id: UUID | None) -> None:
    """Show a challenger beside the champion before it, if it was compared with one.

    Args:
        store: holds the scores of both.
        plan: of the re-training.
        outcome: of the re-training.
        published: the challenger's run.
        run_id: the flow run that trained it; None: nothing of it is linked.
    """
    if plan.champion is None or outcome.challenger in {None, plan.champion}:
        return
    data, champion = compared(store, plan)
    names = f"version {plan.champion}, the champion", f"version {outcome.challenger}, the challenger"
    scores = comparison_table(champion.summary["metrics"], published.summary, names)
    files = store.read(champion, "predictions.json"), published.path / "predictions.json"
    gallery = comparison_gallery(store, data.dataset, data.split, files, plan.config.records.table())
    caption = f"left {names[0]}, right {names[1]}; labels dashed, detections solid"
    parts = [scores, f"{caption[0].upper()}{caption[1:]}:", image_markdown(gallery, caption)]
    if run_id is not None:
        parts.append(f"Of the challenger: {links_to(run_id)}.")
    show_text("kitti-comparison", "\n\n".join(parts), f"{outcome.model}: {names[1]}, beside {names[0]}")


def comparison_table(before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, str]) -> str:
    """Return AP of two detectors as a markdown table, all classes first, then each by name.

    Args:
        before: ``ap`` and ``per_class_ap`` of the one, 0..1 or None.
        after: those of the other, of the same classes.
        names: of both.
    """
    pairs = {"all": (before["ap"], after["ap"])}
    pairs |= {name: (ap, after["per_class_ap"][name]) for name, ap in before["per_class_ap"].items()}
    rows = "".join(
        f"| {name} | {score_text(one)} | {score_text(other)} | {_change(one, other)} |\n"
        for name, (one, other) in pairs.items()
    )
    return f"| AP | {names[0]} | {names[1]} | change |\n|---|---:|---:|---:|\n{rows}"


def links_to(run_id: UUID) -> str:
    """Return links to a run and to what it shows.

    They name no host, so that they open wherever a person reached the server.
    """
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]), key=ArtifactFilterKey(any_=[*_PAGES]))
    with get_client(sync_client=True) as client:
        found = {shown.key: shown.id for shown in outlast(lambda: client.read_artifacts(artifact_filter=wanted))}
    pages = [f"[{name}](/artifacts/artifact/{found[key]})" for key, name in _PAGES.items() if key in found]
    return ", ".join([*pages, f"[its run](/runs/flow-run/{run_id})"])


def _change(before: float | None, after: float | None) -> str:
    return "" if before is None or after is None else f"{after - before:+.3f}"
