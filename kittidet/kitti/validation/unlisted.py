"""Labels of types that the class table does not list: one finding that counts them and says what can be done."""

from collections import Counter
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from kittidet.classes import DONT_CARE, Unlisted, plain_name
from kittidet.kitti.validation.findings import Finding

CHECK = "class_unlisted"
# Of the types that a message counts; the rest are summed up.
_NAMED = 20
_BECOMES = {
    "leave_out": "are left out, as if they had never been labelled",
    "ignore": "count as DontCare: neither right nor wrong to detect",
}


def find_unlisted(
    counts: Counter[str], *, classes: Collection[str], unlisted: Unlisted, label_dir: str
) -> Iterator[Finding]:
    """Yield what there is to say of all labels of types that are not listed: an error where they are refused.

    Args:
        counts: type -> rows of all frames.
        classes: types that are listed, besides DontCare.
        unlisted: what becomes of the others.
        label_dir: the label folder's name.
    """
    others = {kind: n for kind, n in counts.most_common() if kind not in {*classes, DONT_CARE}}
    if not others:
        return
    named = [f"{kind} {count:,}{_guess(kind, classes)}" for kind, count in list(others.items())[:_NAMED]]
    rest = f" and {len(others) - _NAMED} other types" if len(others) > _NAMED else ""
    start = f"{label_dir}: {sum(others.values()):,} labels of types that `records.classes` does not list"
    if unlisted == "refuse":
        message = (
            f"{start}: {', '.join(named)}{rest}. List them there (as names, merges or ignored), or set "
            "`records.unlisted` to leave_out (as if they had never been labelled) or ignore (as DontCare)."
        )
        yield Finding("", label_dir, 0, CHECK, "error", message)
    else:
        message = f"{start} {_BECOMES[unlisted]} (records.unlisted={unlisted}): {', '.join(named)}{rest}."
        yield Finding("", label_dir, 0, CHECK, "warning", message)


def _guess(kind: str, classes: Collection[str]) -> str:
    names = {plain_name(name): name for name in classes}
    close = get_close_matches(plain_name(kind), names, n=1)
    return f" (did you mean {names[close[0]]}?)" if close else ""
