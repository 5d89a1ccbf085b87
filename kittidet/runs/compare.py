"""Is run B better than run A? Both runs' folders, held to be scored on the same data, compared by their detections."""

from collections.abc import Mapping
from typing import Any

from kittidet.errors import EvaluationError
from kittidet.eval.compare import Comparison, compare_results
from kittidet.runs.run import Run


def compare_runs(run_a: Run, run_b: Run, *, resamples: int, confidence: float, seed: int) -> Comparison:
    """Return how run B differs from run A, from their published predictions.

    Args:
        run_a: the one in use.
        run_b: the candidate.
        resamples: bootstrap draws.
        confidence: share of draws inside an interval, 0..1.
        seed: of the draws.

    Raises:
        EvaluationError: if the runs were not scored on the same frames and labels.
        StoreError: if a file of theirs is missing or damaged.
    """
    _check_same_truth(run_a, run_b)
    a, b = run_a.path, run_b.path
    return compare_results(
        run_a.ground_truth,
        run_a.results,
        run_b.results,
        names=(a.name, b.name) if a.name != b.name else (str(a), str(b)),
        resamples=resamples,
        confidence=confidence,
        seed=seed,
    )


def _check_same_truth(a: Run, b: Run) -> None:
    def facts(truth: Mapping[str, Any], part: str, *keys: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(str(item[key]) for key in keys) for item in truth[part])

    for part, keys in (
        ("categories", ("id", "name")),
        ("images", ("id", "frame_id")),
        ("annotations", ("image_id", "category_id", "bbox", "iscrowd")),
    ):
        left, right = facts(a.ground_truth, part, *keys), facts(b.ground_truth, part, *keys)
        if left != right:
            only = set(left) ^ set(right)
            raise EvaluationError(
                f"{a.path} and {b.path} were not scored on the same data: {len(only)} {part} are in one only, for "
                f"example {min(only) if only else left[0]}. Compare runs of one split and class table."
            )
