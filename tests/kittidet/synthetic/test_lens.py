from dataclasses import replace

import numpy as np
import pytest

from kittidet.synthetic.lens import develop

GREY = np.full((60, 90, 3), 110, np.uint8)


@pytest.fixture
def plain(look):
    """A lens that changes nothing but the curve."""
    return replace(look, exposure=1.0, warmth=1.0, noise=0.0, blur=0.0)


def test_the_key_alone_decides_the_noise(plain):
    noisy = replace(plain, noise=4.0)
    first, again, other = (np.asarray(develop(GREY, noisy, *key)) for key in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == GREY.shape
    assert 2 < first.astype(float).std() < 6
    # Luminance noise: the three channels move together.
    assert (np.ptp(first, axis=2) == 0).all()


def test_without_noise_a_flat_picture_stays_flat(plain):
    assert len(np.unique(np.asarray(develop(GREY, plain, 1)))) == 1


def test_exposure_brightens_and_warmth_trades_blue_for_red(plain):
    def mean(look):
        return np.asarray(develop(GREY, look, 1)).mean((0, 1))

    assert (mean(replace(plain, exposure=1.2)) > mean(plain)).all()
    red, green, blue = mean(replace(plain, warmth=1.2))
    assert red > green > blue


def test_softness_lessens_the_contrast_of_an_edge(plain):
    edge = GREY.copy()
    edge[:, 45:] = 200
    sharp, soft = (np.asarray(develop(edge, replace(plain, blur=blur), 1))[30].astype(int) for blur in (0.0, 0.6))
    assert np.abs(np.diff(soft[:, 0])).max() < np.abs(np.diff(sharp[:, 0])).max()
