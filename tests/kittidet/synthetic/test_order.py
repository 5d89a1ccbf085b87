from math import pi

from kittidet.synthetic.mesh import Pose
from kittidet.synthetic.order import painting_order
from kittidet.synthetic.world import Thing


def box(x: float, z: float, width: float = 1.6, length: float = 4.0) -> Thing:
    return Thing("Car", Pose((x, 1.65, z), -pi / 2), (1.5, width, length), 0)


def test_nothing_has_no_order():
    assert painting_order([]) == []


def test_the_farther_is_painted_first():
    assert painting_order([box(0, 10), box(0, 30), box(0, 20)]) == [1, 2, 0]


def test_a_long_tram_beside_a_car_is_painted_before_it():
    tram, car = box(6, 25, 2.4, 30), box(3, 14)
    assert painting_order([car, tram]) == [1, 0]


def test_a_car_behind_a_long_tram_is_painted_before_it():
    tram, car = box(6, 25, 2.4, 30), box(6, 50)
    assert painting_order([tram, car]) == [1, 0]


def test_left_of_the_camera_the_order_is_mirrored():
    assert painting_order([box(-3, 14), box(-6, 25, 2.4, 30)]) == [1, 0]


def test_every_thing_is_painted_once_even_where_they_interlock():
    things = [box(0.3 * k, 10 + 0.5 * k, 2.0, 6.0) for k in range(12)]
    assert sorted(painting_order(things)) == list(range(12))
