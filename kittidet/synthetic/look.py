"""The look of a drive: time of day, sun, sky, haze, the colours of road and verge, and the lens."""

from dataclasses import dataclass
from math import cos, pi, sin

from kittidet.synthetic.canvas import Colour
from kittidet.synthetic.draws import draws_for, pick
from kittidet.synthetic.mesh import Light
from kittidet.synthetic.plan import Drive

_DAYS = ("sunny", "overcast", "low_sun", "hazy", "dusk")
_DAY_WEIGHTS = (0.4, 0.25, 0.17, 0.1, 0.08)
# Colour of the sky at the zenith and above the horizon, by kind of day.
_SKIES: dict[str, tuple[Colour, Colour]] = {
    "sunny": ((84, 140, 214), (208, 226, 244)),
    "overcast": ((178, 184, 192), (226, 228, 230)),
    "low_sun": ((118, 152, 200), (250, 232, 200)),
    "hazy": ((190, 200, 210), (222, 226, 228)),
    "dusk": ((70, 84, 120), (196, 160, 150)),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How the images of a drive look.

    Attributes:
        day: name of the weather and time of day.
        sky_top, sky_low: colours of the sky.
        cloud: 0..1, how much cloud is in it.
        asphalt, pavement, verge: ground colours before lighting.
        shadow: colour of cast shadows on the road.
        light: sun and sky.
        haze_m: depth at which two thirds of a colour are haze, metres.
        exposure: overall brightness.
        warmth: red over blue, 1 = neutral.
        noise: spread of the sensor's noise, grey levels.
        blur: 0..1, share of a 3x3 mean in the image.
    """

    day: str
    sky_top: Colour
    sky_low: Colour
    cloud: float
    asphalt: Colour
    pavement: Colour
    verge: Colour
    shadow: Colour
    light: Light
    haze_m: float
    exposure: float
    warmth: float
    noise: float
    blur: float


def look_of(drive: Drive) -> Look:
    """Return the look of a drive."""
    draws = draws_for(drive.seed, 8, drive.number)
    day = _DAYS[pick(draws, _DAY_WEIGHTS)]
    bright = day in ("sunny", "low_sun")
    height = float(draws.uniform(0.15, 0.4) if day == "low_sun" else draws.uniform(0.5, 1.2))
    around = float(draws.uniform(-pi, pi))
    grey = int(draws.integers(84, 128))
    tint = int(draws.integers(-6, 7))
    green = int(draws.integers(0, 40))
    dim = {"sunny": 1.0, "overcast": 0.92, "low_sun": 0.95, "hazy": 1.0, "dusk": 0.66}[day]
    return Look(
        day=day,
        sky_top=_SKIES[day][0],
        sky_low=_SKIES[day][1],
        cloud=float(draws.uniform(0.0, 0.7)),
        asphalt=(grey + tint, grey, grey - tint),
        pavement=(grey + 36 + tint, grey + 32, grey + 26),
        verge=(86 + green, 112 + green // 2, 52),
        shadow=(grey * 2 // 5, grey * 2 // 5, grey * 2 // 5 + 6)
        if bright
        else (grey * 2 // 3, grey * 2 // 3, grey * 2 // 3),
        light=Light(
            sun=(cos(height) * sin(around), -sin(height), cos(height) * cos(around)),
            ambient=0.55 if bright else 0.78,
            direct=0.55 if bright else 0.14,
        ),
        haze_m=float(draws.uniform(70, 110) if day == "hazy" else draws.uniform(180, 420)),
        exposure=dim * float(draws.uniform(0.88, 1.1)),
        warmth=float(draws.uniform(0.95, 1.05)) * (1.08 if day in ("low_sun", "dusk") else 1.0),
        noise=float(draws.uniform(1.5, 4.0)),
        blur=float(draws.uniform(0.0, 0.6)),
    )
