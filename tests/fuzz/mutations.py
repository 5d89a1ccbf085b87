"""Damage for fuzz targets: of bytes, of text and of JSON documents, each starting from a good example."""

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

# Numbers at which counters, sizes and shapes go wrong.
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = ("", "-1", "nan", "inf", "1e999", "0", "1_0", "٣", "\0", "\ufeff", "/", "..", "~", "é" * 200, "x" * 5000)
LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"), float("inf")),
    *(*WORDS, [], {}, [[]], [None], {"": None}, {"id": 1}, ["a", 1]),
)


@st.composite
def damaged_bytes(draw: st.DrawFn, good: Sequence[bytes]) -> bytes:
    """One of the good examples with one to four flips, cuts, repeats, insertions or edge values in it."""
    data = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 4))):
        # Headers are short and at the start.
        last = draw(st.sampled_from([16, 64, 256, len(data)]))
        at = draw(st.integers(0, max(0, min(last, len(data)) - 1)))
        match draw(st.sampled_from(["flip", "set", "edge", "cut", "drop", "repeat", "insert"])):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "set" if data:
                data[at] = draw(st.integers(0, 255))
            case "edge":
                width, order = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from(["big", "little"]))
                value = draw(st.sampled_from(EDGES)) & ((1 << 8 * width) - 1)
                data[at : at + width] = value.to_bytes(width, order)
            case "cut":
                del data[at:]
            case "drop":
                del data[at : at + draw(st.integers(1, 32))]
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 64))]
            case _:
                data[at:at] = draw(st.binary(min_size=1, max_size=16))
    return bytes(data)


@st.composite
def damaged_text(draw: st.DrawFn, good: Sequence[str]) -> str:
    """One of the good examples with words and lines of it left out, repeated, or replaced by odd ones."""
    words = draw(st.sampled_from(good)).replace("\n", " \n ").split(" ")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(words) - 1)))
        match draw(st.sampled_from(["replace", "edit", "drop", "repeat", "join"])):
            case "replace":
                words[at : at + 1] = [draw(st.sampled_from(WORDS) | st.text(max_size=20))]
            case "edit":
                words[at : at + 1] = [
                    draw(st.text(max_size=3)) + "".join(words[at : at + 1]) + draw(st.text(max_size=3))
                ]
            case "drop":
                del words[at : at + draw(st.integers(1, 8))]
            case "repeat":
                words[at:at] = words[at : at + draw(st.integers(1, 20))]
            case _:
                words[at : at + 2] = ["".join(words[at : at + 2])]
    return " ".join(words)


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value, small or odd."""
    leaves = st.sampled_from(LEAVES) | st.integers() | st.floats() | st.text(max_size=10)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    )


@st.composite
def damaged_json(draw: st.DrawFn, good: Any) -> Any:
    """A good document with one to three of its values replaced, left out or repeated; or any other JSON value."""
    if draw(st.integers(0, 19)) == 0:
        return draw(json_values())
    document = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        holder = document
        # Down to a random depth; long lists are all alike.
        while isinstance(holder, (dict, list)) and holder:
            keys = sorted(holder) if isinstance(holder, dict) else list(range(min(3, len(holder))))
            key = draw(st.sampled_from(keys))
            if not isinstance(holder[key], (dict, list)) or not holder[key] or draw(st.integers(0, 3)) == 0:
                break
            holder = holder[key]
        if not isinstance(holder, (dict, list)) or not holder:
            continue
        match draw(st.sampled_from(["replace", "replace", "drop", "repeat", "rename"])):
            case "replace":
                holder[key] = draw(json_values())
            case "drop":
                del holder[key]
            case "repeat" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case "rename" if isinstance(holder, dict):
                holder[draw(st.text(max_size=5))] = holder.pop(key)
            case _:
                holder[key] = [holder[key]]
    return document
