"""What every store promises about full-text search: ``core.ports.Store.search_events``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_nouns import ORG, START, event, in_room, new_room

from roomd import v1 as pb
from roomd_server.core.ports import Store
from roomd_server.core.times import timestamp


async def found(store: Store, query: str, room_id: str = "", org: str = ORG) -> list[str]:
    return [hit[0].event_id for hit in await store.search_events(org, query, room_id, 0, 50)]


def struct(**values: Any) -> Struct:
    made = Struct()
    made.update(values)
    return made


def text(body: str) -> pb.Content:
    return pb.Content(text=pb.TextContent(body=body))


CONTENTS = {
    "text": text("needle"),
    "rich plain": pb.Content(rich=pb.RichContent(body="<b>x</b>", plain_text="a needle")),
    "rich body": pb.Content(rich=pb.RichContent(body="**needle**")),
    "rich button": pb.Content(
        rich=pb.RichContent(body="x", buttons=[struct(text="Needle", payload="p")])
    ),
    "rich card": pb.Content(rich=pb.RichContent(body="x", cards=[struct(title="Needle")])),
    "quick reply": pb.Content(rich=pb.RichContent(body="x", quick_replies=["needle"])),
    "media caption": pb.Content(media=pb.MediaContent(url="https://x", caption="needle")),
    "media filename": pb.Content(media=pb.MediaContent(url="https://x", filename="needle.pdf")),
    "audio": pb.Content(audio=pb.AudioContent(url="https://x", transcript="needle")),
    "location": pb.Content(location=pb.LocationContent(label="Needle Tower")),
    "address": pb.Content(location=pb.LocationContent(address="Needle Street")),
    "template": pb.Content(template=pb.TemplateContent(template_id="t", body="needle")),
    "system": pb.Content(system=pb.SystemContent(body="needle")),
    "edit": pb.Content(edit=pb.EditContent(target_event_id="x", new_content=text("needle"))),
    "delete": pb.Content(delete=pb.DeleteContent(target_event_id="x", reason="needle")),
    "tool": pb.Content(tool_call=pb.ToolCallContent(tool_name="t", result="needle")),
    "composite": pb.Content(
        composite=pb.CompositeContent(
            parts=[
                text("hay"),
                pb.Content(composite=pb.CompositeContent(parts=[text("needle")])),
            ]
        )
    ),
}


@pytest.mark.parametrize("kind", CONTENTS)
async def test_words_of_every_kind_of_content_are_found(store: Store, kind: str) -> None:
    hay = [event(0, "hay"), event(1, content=CONTENTS[kind]), event(2, "more hay")]
    await store.commit(new_room(events=hay))
    assert await found(store, "needle") == ["r-e0001"]


async def test_a_video_has_no_words_and_harms_nothing(store: Store) -> None:
    video = pb.Content(video=pb.VideoContent(url="https://needle"))
    await store.commit(new_room(events=[event(0, content=video), event(1)]))
    assert await found(store, "needle") == []


async def test_words_phrases_and_prefixes(store: Store) -> None:
    bodies = ["the red house", "the house is red", "a redder Häuschen", "nothing"]
    await store.commit(new_room(events=[event(i, body) for i, body in enumerate(bodies)]))
    assert set(await found(store, "RED house")) == {"r-e0000", "r-e0001"}
    assert await found(store, '"red house"') == ["r-e0000"]
    assert set(await found(store, "red*")) == {"r-e0000", "r-e0001", "r-e0002"}
    assert await found(store, "hauschen") == ["r-e0002"]
    assert await found(store, "absent") == []


@pytest.mark.parametrize(
    "query",
    ["what's up?", "it's (broken", 'a "quote', "up? AND", "e-mail: what's", "up -what", "*"],
)
async def test_a_query_that_cannot_be_parsed_finds_its_words(store: Store, query: str) -> None:
    body = "what's up? it's (broken a \"quote AND e-mail: -what"
    await store.commit(new_room(events=[event(0, body), event(1, "else")]))
    expected = [] if query == "*" else ["r-e0000"]
    assert await found(store, query) == expected


@pytest.mark.parametrize("query", ["", "  ", "!!!", '"', '""', "\0", "()"])
async def test_a_query_without_words_finds_nothing(store: Store, query: str) -> None:
    await store.commit(new_room(events=[event(0, "something")]))
    assert await found(store, query) == []


@pytest.fixture
async def canaries(store: Store) -> Store:
    """Three rooms with the same words, one of them in another organization."""
    await store.commit(new_room("r", events=[event(0, "canary a b")]))
    await store.commit(new_room("s", events=[event(0, "canary a b", "s")]))
    foreign = event(0, "canary a b", event_id="foreign")
    await store.commit(new_room("r", "other", events=[foreign]))
    return store


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    query=st.one_of(
        st.text(max_size=40),
        st.text("ab*\"()^:+-{}NEAR ANDORT,.'", max_size=30),
        st.sampled_from(["canary) OR (canary", "canary) OR scope : (canary", "body : canary"]),
    )
)
async def test_no_query_fails_or_leaves_its_room(canaries: Store, query: str) -> None:
    for hit, _ in await canaries.search_events(ORG, query, "", 0, 50):
        assert hit.event_id != "foreign"
    for hit, _ in await canaries.search_events(ORG, query, "s", 0, 50):
        assert hit.room_id == "s"


async def test_other_organizations_and_rooms_are_not_found(canaries: Store) -> None:
    assert sorted(await found(canaries, "canary")) == ["r-e0000", "s-e0000"]
    assert await found(canaries, "canary", "s") == ["s-e0000"]
    assert await found(canaries, "canary", org="other") == ["foreign"]
    assert await found(canaries, "canary", "never") == []


async def test_an_edited_event_is_found_by_its_new_words_only(store: Store) -> None:
    await store.commit(new_room(events=[event(0, "old words"), event(1, "other")]))
    assert await found(store, "old") == ["r-e0000"]
    await store.commit(in_room(changed_events=[event(0, "new words")]))
    assert await found(store, "old") == []
    assert await found(store, "new") == ["r-e0000"]
    # The newest one that is in the index.
    await store.commit(in_room(changed_events=[event(1, "another")]))
    assert await found(store, "other") == []
    assert await found(store, "another") == ["r-e0001"]
    # Edited before it was ever indexed.
    await store.commit(in_room(events=[event(2, "first")]))
    await store.commit(in_room(changed_events=[event(2, "second")]))
    assert await found(store, "first") == []
    assert await found(store, "second") == ["r-e0002"]


async def test_deleted_and_blocked_events_are_not_found(store: Store) -> None:
    blocked = event(1, "secret", status=pb.EVENT_STATUS_BLOCKED)
    await store.commit(new_room(events=[event(0, "secret"), blocked, event(2, "secret")]))
    assert sorted(await found(store, "secret")) == ["r-e0000", "r-e0002"]
    gone = event(0, "secret")
    gone.delete_time.CopyFrom(timestamp(START))
    await store.commit(in_room(changed_events=[gone]))
    assert await found(store, "secret") == ["r-e0002"]


async def test_what_comes_after_a_deleted_room_is_found(store: Store) -> None:
    await store.commit(new_room(events=[event(0, "first"), event(1, "second")]))
    assert await found(store, "second") == ["r-e0001"]
    await store.commit(in_room(delete_room=True))
    await store.commit(new_room("s", events=[event(0, "third", "s")]))
    assert await found(store, "third") == ["s-e0000"]
    assert await found(store, "first") == []


async def test_the_best_match_comes_first_with_its_words_marked(store: Store) -> None:
    long = " ".join(["padding"] * 60)
    await store.commit(
        new_room(
            events=[
                event(0, f"{long} apple {long}"),
                event(1, "apple apple pie"),
                event(2, "pear"),
            ]
        )
    )
    hits = await store.search_events(ORG, "apple", "", 0, 10)
    assert [hit[0].index for hit in hits] == [1, 0]
    assert hits[0] == (event(1, "apple apple pie"), "[apple] [apple] pie")
    snippet = hits[1][1]
    assert snippet.startswith("…")
    assert snippet.endswith("…")
    assert " [apple] " in snippet
    assert len(snippet) < 300


async def test_hits_come_in_pages(store: Store) -> None:
    events = [event(index, "same words here") for index in range(25)]
    await store.commit(new_room(events=events))
    hits: list[int] = []
    while page := await store.search_events(ORG, "words", "r", len(hits), 7):
        assert len(page) <= 7
        hits += [hit[0].index for hit in page]
    assert sorted(hits) == list(range(25))


async def test_a_search_sees_every_event_acknowledged_before_it(store: Store) -> None:
    await asyncio.gather(*[store.commit(new_room(f"r{n}")) for n in range(8)])

    async def write_and_search(number: int) -> None:
        name = f"r{number}"
        for index in range(10):
            one = event(index, f"word{number}x{index}", name)
            await store.commit(in_room(name, events=[one]))
            assert await found(store, f"word{number}x{index}") == [one.event_id]

    await asyncio.gather(*[write_and_search(number) for number in range(8)])


async def test_many_events_are_indexed_in_steps(store: Store) -> None:
    events = [event(index, f"word n{index}") for index in range(2300)]
    await store.commit(new_room(events=events))
    assert await found(store, "n2299") == ["r-e2299"]
    assert await found(store, "n0") == ["r-e0000"]
    changed = [event(index, f"word changed{index}") for index in range(1200)]
    await store.commit(in_room(changed_events=changed))
    assert await found(store, "changed1199") == ["r-e1199"]
    assert await found(store, "n1199") == []
    assert await found(store, "n1200") == ["r-e1200"]
