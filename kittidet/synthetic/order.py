"""Depth order: which thing is behind which, for painting from far to near."""

from collections.abc import Sequence

import numpy as np

from kittidet.synthetic.world import Thing, ground_box


def painting_order(things: Sequence[Thing]) -> list[int]:
    """Return the indices of things from far to near.

    A thing whose ground rectangle ends before another's begins, in depth or to the side away from the camera's
    line of sight, is in front of it. Of those with nothing unpainted behind them, the farthest comes first; a cycle is
    broken at its farthest member.
    """
    n = len(things)
    if n == 0:
        return []
    x1, x2, z1, z2 = (np.array(edge) for edge in zip(*(ground_box(thing) for thing in things), strict=True))
    far = np.array([thing.pose.xyz[0] ** 2 + thing.pose.xyz[2] ** 2 for thing in things])
    apart_z = z2[:, None] <= z1[None, :]  # i ends before j begins
    # At equal depth: right of the camera the one farther left is in front, and vice versa.
    beside = (np.maximum(x2[:, None], 0) <= np.maximum(x1[None, :], 0)) & (x1[None, :] > 0)
    beside |= (np.minimum(x1[:, None], 0) >= np.minimum(x2[None, :], 0)) & (x2[None, :] < 0)
    overlap_z = ~(apart_z | apart_z.T)
    in_front = apart_z | (overlap_z & beside & ~beside.T)
    behind_count = in_front.sum(1)  # how many are behind i
    order: list[int] = []
    left = np.ones(n, bool)
    for _ in range(n):
        ready = left & (behind_count == 0)
        pool = ready if ready.any() else left
        chosen = int(np.argmax(np.where(pool, far, -1.0)))
        order.append(chosen)
        left[chosen] = False
        behind_count = behind_count - in_front[:, chosen]
    return order
