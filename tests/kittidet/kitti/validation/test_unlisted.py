"""Labels of types that are not listed are counted in one sentence, with the setting that decides about them."""

from collections import Counter

import pytest

from kittidet.kitti.validation.unlisted import find_unlisted

COUNTS = Counter({"helmet": 9, "Helmit": 2, "poster": 1200, "DontCare": 3})


def found(counts=COUNTS, classes=("helmet", "vest"), unlisted="refuse"):
    return list(find_unlisted(counts, classes=classes, unlisted=unlisted, label_dir="labels"))


@pytest.mark.parametrize("counts", [Counter(), Counter({"vest": 1, "DontCare": 4})])
def test_where_all_are_listed_there_is_nothing_to_say(counts):
    assert found(counts) == []


def test_a_refusal_counts_each_type_guesses_what_was_meant_and_names_both_settings():
    (finding,) = found()
    assert (finding.frame_id, finding.file, finding.check, finding.severity) == (
        "",
        "labels",
        "class_unlisted",
        "error",
    )
    assert finding.message == (
        "labels: 1,202 labels of types that `records.classes` does not list: poster 1,200, Helmit 2 (did you mean "
        "helmet?). List them there (as names, merges or ignored), or set `records.unlisted` to leave_out (as if they "
        "had never been labelled) or ignore (as DontCare)."
    )


@pytest.mark.parametrize(("unlisted", "said"), [("leave_out", "are left out"), ("ignore", "count as DontCare")])
def test_what_becomes_of_them_is_a_warning_with_the_counts(unlisted, said):
    (finding,) = found(unlisted=unlisted)
    assert finding.severity == "warning"
    assert said in finding.message
    assert f"(records.unlisted={unlisted}): poster 1,200, Helmit 2" in finding.message


def test_many_types_are_summed_up():
    (finding,) = found(Counter({f"t{i}": 1 for i in range(25)}))
    assert "t19 1 and 5 other types. List" in finding.message
