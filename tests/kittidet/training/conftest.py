"""Training of the small stand-in, and what holds two of its results against each other."""

import pytest

from kittidet.training.fit import fit_detector


@pytest.fixture(scope="module")
def fit(tiny_models, train_records, small_model, short_recipe):
    def run(work_dir, *, recipe=short_recipe, **more):
        return fit_detector(train_records, model=small_model, train=recipe, work_dir=work_dir, **more)

    return run
