"""How often a year of re-trainings without gain promotes, and how soon a gain of one AP does.

Years: per-frame differences of 52 challengers to one champion, on as many frames as KITTI's validation split; of models
that are alike (mirrored differences), of challengers picked as the best of six checkpoints as the champion was, and of
challengers that are a little better nearly everywhere and far worse on one frame of ten. Beside the rule stand the two
bounds it might have been: the percentile of the draws and the plain normal quantile. Bar: 5 % of the years at most.
Power: the share of comparisons, and of quarters of 13, that promote a challenger of +1 AP, by standard error.
AP: what is bootstrapped in use, AP itself, of simulated detections of two alike models: how wide the error of the
difference is in standard errors (1: the bootstrap is right).

    .venv/bin/python benchmarks/bench_retraining.py [--years N] [--frames N] [--pairs N]
"""

import argparse
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from rows import add_row

from kittidet.config_retrain import RetrainConfig
from kittidet.eval.bootstrap import all_class_ap, draw_weights, mean_ap
from kittidet.eval.matches import IOU_THRESHOLDS, ClassMatches, Matches
from kittidet.retraining.rule import is_promoted, level_of, weigh

CONFIG = RetrainConfig()
LEVEL = level_of(CONFIG)
LOOKS = 52
Scores = Callable[[np.random.Generator, int, int], np.ndarray]


def scores(rng: np.random.Generator, frames: int, looks: int) -> np.ndarray:
    """Return what each frame adds to a model's score, ``[frames, looks]``: on most frames the same by all models."""
    return rng.standard_t(4, (frames, looks)) * (rng.random((frames, looks)) < 0.4)


def alike(rng: np.random.Generator, frames: int, looks: int) -> np.ndarray:
    """Differences to a champion of the same kind."""
    return scores(rng, frames, looks) - scores(rng, frames, 1)


def picked(rng: np.random.Generator, frames: int, looks: int) -> np.ndarray:
    """The same, each model the best of six checkpoints on these very frames."""

    def best_of_six() -> np.ndarray:
        base, six = scores(rng, frames, 1), scores(rng, frames, 6)
        checkpoints = base + 0.5 * six
        return checkpoints[:, checkpoints.mean(axis=0).argmax()]

    models = np.stack([best_of_six() for _ in range(looks + 1)], axis=1)
    return models[:, 1:] - models[:, :1]


def lopsided(rng: np.random.Generator, frames: int, looks: int) -> np.ndarray:
    """A little better on nearly every frame, far worse on one of ten, the same on average."""
    is_worse = rng.random((frames, looks)) < 0.1
    return np.where(is_worse, -rng.exponential(1, (frames, looks)), rng.exponential(1 / 9, (frames, looks)))


def paired(differences: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``[1 + draws, looks]`` of per-frame differences."""
    return np.concatenate([differences.mean(axis=0)[None], weights @ differences])


def fooled_years(draw: Scores, frames: int, years: int) -> dict[str, float]:
    """Return the share of years with a false promotion, by bound."""
    rng = np.random.default_rng(0)
    weights = draw_weights(frames, resamples=CONFIG.resamples, seed=0) / frames
    fooled = dict.fromkeys(("rule", "normal", "percentile"), 0)
    quantile = NormalDist().inv_cdf(1 - LEVEL)
    for _ in range(years):
        year = paired(draw(rng, frames, LOOKS), weights)
        fooled["rule"] += any(is_promoted(weigh(year[:, k], level=LEVEL), CONFIG) for k in range(LOOKS))
        fooled["normal"] += bool((year[0] > quantile * year[1:].std(axis=0, ddof=1)).any())
        fooled["percentile"] += bool((np.quantile(year[1:], LEVEL, axis=0) > 0).any())
    return {name: count / years for name, count in fooled.items()}


def power(error: float, frames: int, quarters: int) -> tuple[float, float]:
    """Return the share of comparisons, and of quarters, that promote +1 AP where its standard error is ``error``."""
    rng = np.random.default_rng(1)
    weights = draw_weights(frames, resamples=CONFIG.resamples, seed=0) / frames
    single, any_of = 0.0, 0
    for _ in range(quarters):
        noise = alike(rng, frames, 13)
        noise *= error * np.sqrt(frames) / np.sqrt(2 * 0.8)
        found = paired(0.01 + noise, weights)
        promoted = [is_promoted(weigh(found[:, k], level=LEVEL), CONFIG) for k in range(13)]
        single += sum(promoted) / 13
        any_of += any(promoted)
    return single / quarters, any_of / quarters


def detections(rng: np.random.Generator, hard: list[np.ndarray], images: list[np.ndarray], frames: int) -> Matches:
    """Return the matches of a simulated model: labels are found by how hard they are, and a little by luck."""
    classes = []
    for difficulty, image in zip(hard, images, strict=True):
        n = len(image)
        quality = 0.85 - 0.25 * difficulty + rng.normal(0, 0.08, n)
        ghosts = rng.poisson(0.4, frames)
        place = np.concatenate([image, np.repeat(np.arange(frames), ghosts)])
        score = np.concatenate([quality + rng.normal(0, 0.1, n), rng.normal(0.35, 0.15, ghosts.sum())])
        right = np.concatenate([quality[None] >= IOU_THRESHOLDS[:, None], np.zeros((10, ghosts.sum()), bool)], axis=1)
        order = np.argsort(-score, kind="stable")
        labels = np.bincount(image, minlength=frames)
        classes.append(
            ClassMatches("", place[order], score[order], right[:, order], np.ones_like(right), labels, order)
        )
    return Matches(np.arange(frames), tuple(classes))


def ap_errors(frames: int, pairs: int) -> tuple[float, float, float]:
    """Return standard error of the AP difference of alike models, its true spread over it, and false promotions.

    Frames are drawn anew for each pair, so that the spread is that of other frames of the same roads.
    """
    rng = np.random.default_rng(2)
    weights = np.concatenate([np.ones((1, frames), np.int64), draw_weights(frames, resamples=300, seed=0)])
    found = []
    for _ in range(pairs):
        images = [np.repeat(np.arange(frames), rng.poisson(mean, frames)) for mean in (3.8, 0.6, 0.2)]
        street = rng.normal(0, 0.5, frames)
        hard = [np.abs(street[image] + rng.normal(0, 1, len(image))) for image in images]
        a, b = (mean_ap(all_class_ap(detections(rng, hard, images, frames), weights).mean(axis=2)) for _ in range(2))
        found.append(weigh(b - a, level=LEVEL))
    errors = np.array([e.standard_error for e in found])
    return (
        float(errors.mean()),
        float(np.std([e.difference / e.standard_error for e in found])),
        float(np.mean([is_promoted(e, CONFIG) for e in found])),
    )


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=1496)
    parser.add_argument("--pairs", type=int, default=300)
    options = parser.parse_args()
    said = []
    for draw in (alike, picked, lopsided):
        shares = fooled_years(draw, options.frames, options.years)
        said.append(f"{draw.__name__} " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
        print(said[-1], flush=True)
    add_row(f"retraining: {options.years} years of 52 without gain, {options.frames} frames, fooled", "; ".join(said))
    said = []
    for error in (0.0025, 0.003, 0.004, 0.005):
        single, quarter = power(error, options.frames, 100)
        said.append(f"standard error {100 * error:g} AP: {single:.0%} of comparisons, {quarter:.0%} of quarters")
        print(said[-1], flush=True)
    error, spread, false = ap_errors(options.frames, options.pairs)
    said.append(
        f"AP of {options.pairs} simulated pairs: error {100 * error:.2f} AP, spread {spread:.2f}, promoted {false:.1%}"
    )
    add_row(f"retraining: power at +1 AP, {options.frames} frames", "; ".join(said))


if __name__ == "__main__":
    main()
