"""A folded model says the same and has no batch norm left."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy

from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.folding import fold_batch_norm
from kittidet.model.normalization import BatchNorm
from kittidet.model.pretrained import load_reference_arrays
from kittidet.model.reference_names import reference_variables
from kittidet.model.reference_rule import image_by_rule, weights_by_rule


@pytest.fixture(scope="module")
def model(shallow_networks):
    made = build_efficientdet("shallow", 3, (70, 100))
    shapes = {name: tuple(v.shape) for name, v in reference_variables(made).items()}
    load_reference_arrays(made, weights_by_rule(shapes), strict=True)
    return made


def test_folded_outputs_are_equal_and_no_batch_norm_is_left_even_after_a_reload(model, tmp_path):
    folded = fold_batch_norm(model)
    assert not any(isinstance(layer, BatchNorm) for layer in folded._flatten_layers())
    assert folded.trainable_variables == []
    path = tmp_path / "folded.keras"
    folded.save(path)
    loaded = keras.models.load_model(path)
    image = image_by_rule(70, 100)
    for key, value in model(image, training=False).items():
        np.testing.assert_allclose(convert_to_numpy(folded(image)[key]), convert_to_numpy(value), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(convert_to_numpy(loaded(image)[key]), convert_to_numpy(folded(image)[key]))
    with pytest.raises(ValueError, match="already folded"):
        fold_batch_norm(folded)
