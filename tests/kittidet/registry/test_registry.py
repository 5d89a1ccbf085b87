"""kittidet.registry.registry: one champion, whoever promotes and whatever is killed."""

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from kittidet.errors import PromotionLostError, RegistryError
from kittidet.registry.records import Decision, Lineage, Metric, ModelVersion
from kittidet.registry.registry import Registry


def a_version(number: int, **more) -> ModelVersion:
    facts = {
        "model": "m",
        "version": number,
        "run_digest": f"run {number}",
        "run_path": f"/runs/m-{number}",
        "checkpoint": f"{number}" * 64,
        "lineage": Lineage(data="d", split="s", config="c", commit="abc", started_from="random weights"),
        "metrics": {name: Metric(value=0.5, low=0.4, high=0.6) for name in ("ap", "ap50", "ap75")},
        "per_class_ap": {"Car": Metric(value=0.5, low=0.4, high=0.6), "Tram": Metric(value=None)},
        "confidence": 0.95,
        "n_train": 8,
        "n_val": 2,
        "variant": "d0",
        "input_hw": (384, 1280),
        "is_synthetic": False,
        "files": {},
    }
    return ModelVersion.model_validate({**facts, **more})


@pytest.fixture
def registry(tmp_path) -> Registry:
    return with_versions(Registry(tmp_path / "store"))


@pytest.fixture(params=["folder", "URL"])
def anywhere(request, tmp_path) -> Registry:
    """A registry in a folder, and one in an object store."""
    is_url = request.param == "URL"
    return with_versions(Registry(request.getfixturevalue("bucket") if is_url else tmp_path / "store"))


def with_versions(found: Registry) -> Registry:
    for _ in range(4):
        found.add("m", a_version)
    return found


def champion(registry: Registry) -> int | None:
    found = registry.champion("m")
    return None if found is None else found.version


def test_an_empty_registry_has_nothing(tmp_path):
    registry = Registry(tmp_path)
    assert registry.models() == []
    assert registry.versions("m") == []
    assert registry.champion("m") is None
    assert registry.history("m") == []


def test_the_last_promoted_is_the_champion_and_the_history_is_kept(anywhere):
    registry = anywhere
    assert champion(registry) is None
    registry.promote("m", 1, reason="the first")
    registry.promote("m", 3, reason="better")
    assert champion(registry) == 3
    assert [(h.number, h.version, h.replaced, h.reason) for h in registry.history("m")] == [
        (1, 1, None, "the first"),
        (2, 3, 1, "better"),
    ]
    assert registry.promote("m", 3, reason="again") == registry.history("m")[-1]
    assert len(registry.history("m")) == 2


def test_a_rollback_goes_one_champion_back_each_time(anywhere):
    registry = anywhere
    for version in (1, 2, 3):
        registry.promote("m", version, reason="better")
    assert registry.rollback("m", reason="it misses trams").version == 2
    assert registry.rollback("m", reason="so does this").version == 1
    assert champion(registry) == 1
    with pytest.raises(RegistryError, match="no champion before version 1"):
        registry.rollback("m", reason="and this")
    registry.promote("m", 4, reason="mended")
    assert registry.rollback("m", reason="not mended").version == 1


def test_of_two_promoters_at_once_one_wins_and_the_other_says_who(anywhere):
    registry = anywhere
    registry.promote("m", 1, reason="the first")

    def promote(version: int):
        try:
            return registry.promote("m", version, reason=f"{version} is better", expected=1)
        except PromotionLostError as error:
            return error

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(promote, (2, 3, 4)))
    won = [r for r in results if not isinstance(r, PromotionLostError)]
    lost = [str(r) for r in results if isinstance(r, PromotionLostError)]
    assert len(won) == 1
    assert champion(registry) == won[0].version
    assert len(lost) == 2
    assert all(f"expected to be version 1, but version {won[0].version} became the champion" in said for said in lost)
    assert all(f"process {os.getpid()}: {won[0].version} is better" in said for said in lost)


def test_a_champion_that_is_not_the_expected_one_stays(registry):
    with pytest.raises(PromotionLostError, match="expected to be version 1, but there is no champion"):
        registry.promote("m", 2, reason="", expected=1)
    registry.promote("m", 2, reason="", expected=None)
    with pytest.raises(PromotionLostError, match="expected to be none"):
        registry.promote("m", 3, reason="", expected=None)
    assert champion(registry) == 2


@pytest.mark.parametrize("moment", ["os.fsync", "os.link"])
def test_a_promotion_that_is_killed_leaves_the_old_champion(registry, moment):
    registry.promote("m", 1, reason="the first")
    code = f"""
        import os, signal, sys
        from kittidet.registry.registry import Registry
        registry = Registry(sys.argv[1])
        {moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        registry.promote("m", 2, reason="better")
    """
    store = registry.objects.root.parent
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(store)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert champion(registry) == 1
    registry.promote("m", 2, reason="better", expected=1)
    assert champion(registry) == 2


def test_unknown_versions_and_names_are_refused_with_what_there_is(registry):
    with pytest.raises(RegistryError, match="'m' has no version 9, there is versions 1 to 4"):
        registry.promote("m", 9, reason="")
    with pytest.raises(RegistryError, match="models: m"):
        registry.version("n", 1)
    with pytest.raises(RegistryError, match="no name of a model"):
        registry.versions("../m")


def test_decisions_are_numbered_by_look(registry):
    def decision(look: int) -> Decision:
        return Decision(
            look=look,
            model="m",
            champion=1,
            challenger=2,
            promote=False,
            rule="better",
            margin=0,
            level=0.001,
            difference=0.01,
            lower_bound=-0.01,
            n_frames=100,
            sentence="kept",
        )

    registry.decide("m", decision)
    assert registry.decide("m", decision).look == 2
    assert [d.look for d in registry.decisions("m")] == [1, 2]


def test_what_one_machine_promotes_the_other_has_at_once(bucket, on_machine):
    on_machine("first")
    first = with_versions(Registry(bucket))
    on_machine("second")
    second = Registry(bucket)
    assert second.folder != first.folder
    assert second.models() == ["m"]
    assert len(second.versions("m")) == 4
    first.promote("m", 2, reason="better")
    assert champion(second) == 2
    with pytest.raises(PromotionLostError, match="expected to be none, but version 2 became the champion"):
        second.promote("m", 3, reason="better", expected=None)
    second.promote("m", 3, reason="better", expected=2)
    assert first.rollback("m", reason="it misses trams").version == 2


def test_a_move_whose_reply_was_lost_is_known_as_ones_own(bucket, line):
    registry = with_versions(Registry(bucket))
    line.matching, line.lost = ("PUT",), ["reply"]
    assert registry.promote("m", 2, reason="better").number == 1
    assert [move.version for move in registry.history("m")] == [2]
