"""Scripts and messages: what a matcher takes, and what it does not."""

from __future__ import annotations

import pytest
from conform_cases import all_cases
from conform_matching import MISSING, Names, as_dict, difference

from roomd import v1 as pb


@pytest.mark.parametrize(
    ("expected", "taken", "refused"),
    [
        ({"$contains": "gone"}, "it is gone", "here"),
        ({"$size": 2}, [1, 2], [1]),
        ({"$max_size": 3}, "abc", "abcd"),
        ({"$between": [1, 2]}, "1.500s", "2.500s"),
        ({"$between": [1, 2]}, 1, MISSING),
        ({"$absent": True}, MISSING, ""),
        ({"$any": True}, "x", ""),
        ({"$any": True}, 3, 0),
        ({"$not": 1}, 2, "1"),
        ({"$in": ["a", "b"]}, "a", "c"),
        ({"$json": {"a": [1, None]}}, '{"a":[1.0,null]}', '{"a":[1]}'),
        ({"$json": "x"}, '"x"', "x"),
        (7, "7", "8"),
        (7, 7.0, 7.5),
        (True, True, 1),
        ("x", "x", "y"),
        ({"a": 1}, {"a": "1", "b": 2}, {"b": 1}),
        ([{"a": 1}], [{"a": 1}], [{"a": 1}, {"a": 1}]),
        ({"a": {}}, {"a": {"b": 1}}, {"a": None}),
    ],
)
def test_a_matcher_takes_what_it_says_and_nothing_else(
    expected: object, taken: object, refused: object
) -> None:
    assert difference(expected, taken, Names()) is None
    assert difference(expected, refused, Names())


def test_a_variable_is_what_it_was_first() -> None:
    names = Names()
    assert difference({"id": "$one", "again": "$one"}, {"id": "7", "again": "7"}, names) is None
    assert difference("$one", "8", names)
    assert names.fill({"list": ["$one", "$two", "plain"]})["list"][0] == "7"
    assert isinstance(names.fill("$lease"), int)
    assert names.fill("$two") == names.fill("$two") != names.fill("$three")


def test_fields_without_a_value_are_zero_and_members_that_are_not_set_are_not_there() -> None:
    said = as_dict(pb.Result(invocation_id="i", decision=pb.HookDecision(allow=pb.Allow())))
    assert difference({"lease": 0, "decision": {"allow": {}}}, said, Names()) is None
    assert difference({"decision": {"block": {}}}, said, Names())
    assert difference({"failure": {"$absent": True}}, said, Names()) is None


def test_every_case_is_a_script_that_can_be_read() -> None:
    for case in all_cases():
        assert case.steps, case.id
        known = set(case.known)
        named = [step.value for step in case.steps if step.kind == "invoke"]
        works = [one for value in named for one in (value if isinstance(value, list) else [value])]
        assert {one["handler"] for one in works} <= known, case.id
