import numpy as np
import pytest
from PIL import Image

from kittidet.synthetic.canvas import OVERSAMPLING, mix, scaled

RED, BLUE = (200, 0, 0), (0, 0, 200)


def rectangle(x1, y1, x2, y2):
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


def test_colours_stay_in_range():
    assert scaled((100, 200, 0), 2.0) == (200, 255, 0)
    assert scaled((100, 200, 0), -1.0) == (0, 0, 0)
    assert mix(RED, BLUE, 0.0) == RED
    assert mix(RED, BLUE, 0.5) == (100, 0, 100)


def test_what_is_painted_later_hides_what_was_there_in_picture_and_numbers(canvas):
    canvas.begin(1)
    canvas.polygon(rectangle(100, 100, 140, 120), RED)
    first = canvas.end()
    canvas.begin(2)
    canvas.polygon(rectangle(120, 100, 160, 120), BLUE)
    second = canvas.end()
    picture, numbers = canvas.finished(), canvas.numbers()
    assert picture[110, 110].tolist() == list(RED)
    assert picture[110, 130].tolist() == list(BLUE)
    assert numbers[110 * OVERSAMPLING, 110 * OVERSAMPLING] == 1
    assert numbers[110 * OVERSAMPLING, 130 * OVERSAMPLING] == 2
    # The silhouette is whole, what is visible is half of it.
    assert first.xyxy == (100, 100, 140, 120)
    assert first.painted == second.painted
    assert canvas.visible()[1] == pytest.approx(first.painted / 2, rel=0.05)
    assert canvas.visible()[2] == second.painted


def test_a_silhouette_reaches_beyond_the_image_but_only_pixels_inside_count(canvas):
    canvas.begin(1)
    canvas.polygon(rectangle(-50, 10, 50, 20), RED)
    outside = canvas.end()
    assert outside.xyxy == (-50, 10, 50, 20)
    assert outside.painted == (canvas.numbers() == 1).sum() == pytest.approx(50 * 10 * OVERSAMPLING**2, rel=0.1)
    canvas.begin(2)
    assert canvas.end().painted == 0


def test_an_object_in_the_haze_takes_its_colour(canvas):
    canvas.begin(1, haze=BLUE, haze_share=0.5)
    canvas.polygon(rectangle(10, 10, 30, 30), RED)
    assert canvas.finished()[20, 20].tolist() == [100, 0, 100]


def test_the_part_of_a_polygon_behind_the_camera_is_cut_off(canvas):
    canvas.begin(1)
    canvas.polygon_xyz(np.array([[-1.0, 1.6, -5.0], [1.0, 1.6, -5.0], [0.0, 1.6, -2.0]]), RED)
    assert canvas.end().painted == 0
    canvas.polygon_xyz(np.array([[-1.0, 1.6, -5.0], [1.0, 1.6, -5.0], [1.0, 1.6, 20.0], [-1.0, 1.6, 20.0]]), RED)
    rows, _ = np.nonzero(canvas.numbers() == 1)
    assert rows.min() / OVERSAMPLING == pytest.approx(172.85 + 721.54 * 1.6 / 20, abs=1)
    assert rows.max() == canvas.numbers().shape[0] - 1


def test_edges_are_smooth_for_the_picture_has_half_the_painted_resolution(canvas):
    canvas.begin(1)
    canvas.polygon(rectangle(100.5, 100, 140, 120), (0, 0, 0))
    assert canvas.finished().shape == (375, 1242, 3)
    assert 0 < canvas.finished()[110, 100, 0] < 128


def test_a_sprite_covers_only_where_its_mask_is_set(canvas):
    mask = Image.new("L", (8, 8), 0)
    mask.paste(255, (0, 0, 4, 8))
    canvas.begin(3)
    canvas.sprite(Image.new("RGB", (8, 8), RED), mask, (200.0, 100.0, 240.0, 140.0))
    assert canvas.finished()[120, 210].tolist() == list(RED)
    assert canvas.finished()[120, 230].tolist() == [128, 128, 128]
    assert canvas.end().painted == canvas.visible()[3] == 20 * 40 * OVERSAMPLING**2


def test_a_disc_is_round(canvas):
    canvas.begin(1)
    canvas.disc((300.0, 100.0), (20.0, 10.0), RED)
    assert canvas.end().painted == pytest.approx(np.pi * 20 * 10 * OVERSAMPLING**2, rel=0.05)
