"""kittidet.registry.records: what is written can be read, also by a program that knows less."""

from kittidet.registry.records import Promotion, new_writer, said_writer


def a_promotion(**more) -> Promotion:
    facts = {"number": 1, "model": "m", "version": 2, "replaced": None, "action": "promote", "reason": "better"}
    return Promotion.model_validate({**facts, **more})


def test_each_write_has_a_name_of_its_own_that_says_who_it_was():
    assert new_writer() != new_writer()
    said = said_writer(new_writer())
    assert "@" in said
    assert "process" in said
    assert said_writer("unknown") == "unknown"


def test_a_record_comes_back_as_it_was_and_more_than_is_known_is_passed_over():
    move = a_promotion()
    assert Promotion.model_validate_json(move.model_dump_json()) == move
    assert a_promotion(mood="good").version == 2
    assert a_promotion().writer != move.writer
