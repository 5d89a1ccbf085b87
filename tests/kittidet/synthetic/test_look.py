import numpy as np
import pytest

from kittidet.synthetic.look import look_of
from kittidet.synthetic.plan import plan_set

DRIVES = plan_set(1500, 4).drives


def test_a_drive_keeps_its_look_and_drives_differ():
    assert look_of(DRIVES[0]) == look_of(DRIVES[0])
    looks = [look_of(drive) for drive in DRIVES]
    assert {look.day for look in looks} == {"sunny", "overcast", "low_sun", "hazy", "dusk"}
    assert len({look.asphalt for look in looks}) > len(looks) / 2


@pytest.mark.parametrize("drive", DRIVES[:12], ids=lambda drive: str(drive.number))
def test_the_sun_is_above_the_ground_and_every_colour_in_range(drive):
    look = look_of(drive)
    assert np.linalg.norm(look.light.sun) == pytest.approx(1)
    assert look.light.sun[1] < 0
    colours = (look.sky_top, look.sky_low, look.asphalt, look.pavement, look.verge, look.shadow)
    assert all(0 <= value <= 255 for colour in colours for value in colour)
    assert sum(look.shadow) < sum(look.asphalt)
    assert 0 <= look.cloud <= 1
    assert 0 <= look.blur <= 1


def test_shadows_are_deeper_on_bright_days_and_hazy_ones_see_less_far():
    looks = [look_of(drive) for drive in DRIVES]
    bright = [look for look in looks if look.day in ("sunny", "low_sun")]
    dull = [look for look in looks if look.day in ("overcast", "dusk")]

    def depths(some):
        return [sum(look.shadow) / sum(look.asphalt) for look in some]

    assert max(depths(bright)) < min(depths(dull))
    hazy, clear = ([look.haze_m for look in looks if (look.day == "hazy") is hazy] for hazy in (True, False))
    assert max(hazy) < min(clear)
