"""Semantics 11: export per room and per participant."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hook_kit import ORG
from rooms_kit import House, house, text_content

from roomd import v1 as pb
from roomd_server.cli.main import parser
from roomd_server.core import exporting

QUEUED = pb.DELIVER_STRATEGY_QUEUED
KINDS = [field.name for field in pb.ExportedItem.DESCRIPTOR.fields]


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path / "rooms.db") as made:
        yield made


async def fill(h: House) -> None:
    """A room with some of everything; ada wrote, bob answered, each by a channel of their own."""
    await h.room("r1", "ws")
    await h.add("bob-line", binding={"participant_id": "bob"})
    await h.participant("carol", display_name="Carol")
    for number in range(3):
        said = await h.say(f"ada {number}", "ws", "ada")
    await h.say("bob 0", "bob-line", "bob")
    await h.do(pb.CreateTaskRequest(room_id="r1", task=pb.Task(title="for bob", assigned_to="bob")))
    await h.do(pb.CreateTaskRequest(room_id="r1", task=pb.Task(title="for nobody")))
    for about, category in ((said.event.event_id, "mood"), ("", "noise")):
        noted = pb.Observation(category=category, content="glad", event_id=about)
        await h.do(pb.CreateObservationRequest(room_id="r1", observation=noted))
    for channel_id in ("ws", "bob-line"):
        await h.do(pb.MarkReadRequest(room_id="r1", channel_id=channel_id, index=1))


async def exported(h: House, size: int = 0, **asked: str) -> dict[str, list[Any]]:
    """What an export has, by kind, in the order of the export."""
    found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    order: list[str] = []
    token = ""
    while True:
        request = pb.ExportRoomRequest(room_id="r1", page_size=size, page_token=token, **asked)
        page: pb.ExportRoomResponse = await h.do(request)
        assert len(page.items) <= (size or 50)
        for item in page.items:
            kind = item.WhichOneof("item")
            assert kind is not None
            order.append(kind)
            found[kind].append(getattr(item, kind))
        token = page.next_page_token
        if not token:
            assert order == sorted(order, key=KINDS.index)
            return found


def said(events: list[pb.RoomEvent]) -> list[str]:
    return [one.content.text.body for one in events if one.type == pb.EVENT_TYPE_MESSAGE]


async def run(h: House, *words: str) -> int:
    """Run a command of the shell."""
    options = parser().parse_args([*words, "--address", h.address])
    code: int = await options.run(options)
    return code


@pytest.mark.parametrize("size", [0, 1, 2, 7])
async def test_s11_a_room_is_exported_whole_whatever_the_page(h: House, size: int) -> None:
    """Semantics 11: "export … per room": every noun once, as its own RPC shows it."""
    await fill(h)
    found = await exported(h, size)
    assert found["room"] == [await h.state()]
    people = await h.do(pb.ListParticipantsRequest(room_id="r1"))
    assert found["participant"] == sorted(people.participants, key=lambda p: p.participant_id)
    bindings = await h.do(pb.ListBindingsRequest(room_id="r1"))
    assert found["binding"] == sorted(bindings.bindings, key=lambda b: b.channel_id)
    assert found["event"] == await h.timeline()
    sent = await h.do(pb.ListDeliveriesRequest(room_id="r1"))
    assert found["delivery"] == list(sent.deliveries)
    assert len(sent.deliveries) == 4
    assert [one.title for one in found["task"]] == ["for bob", "for nobody"]
    assert [one.category for one in found["observation"]] == ["mood", "noise"]
    assert [one.channel_id for one in found["read_marker"]] == ["bob-line", "ws"]


@pytest.mark.parametrize("size", [0, 1])
async def test_s11_a_participant_is_exported_alone(h: House, size: int) -> None:
    """Semantics 11: "export … per participant": what is theirs, and nothing of the others."""
    await fill(h)
    ada = await exported(h, size, participant_id="ada")
    assert [one.participant_id for one in ada["participant"]] == ["ada"]
    assert said(ada["event"]) == ["ada 0", "ada 1", "ada 2"]
    own = {one.event_id for one in ada["event"]}
    assert {one.event_id for one in ada["delivery"]} == {
        one.event_id for one in ada["event"] if one.type == pb.EVENT_TYPE_MESSAGE
    }
    assert [one.event_id in own for one in ada["observation"]] == [True]
    assert not ada["room"] + ada["binding"] + ada["task"] + ada["read_marker"]
    bob = await exported(h, size, participant_id="bob")
    assert said(bob["event"]) == ["bob 0"]
    assert [one.channel_id for one in bob["binding"]] == ["bob-line"]
    assert [one.channel_id for one in bob["delivery"]].count("bob-line") == 3
    assert [one.title for one in bob["task"]] == ["for bob"]
    assert [one.channel_id for one in bob["read_marker"]] == ["bob-line"]
    carol = await exported(h, size, participant_id="carol")
    (told,) = carol["event"]
    assert told.content.system.code == "participant_joined"
    nobody = pb.ExportRoomRequest(room_id="r1", participant_id="nobody")
    assert (await h.failure(nobody)).reason == "PARTICIPANT_NOT_FOUND"


async def test_s11_a_long_search_for_little_ends_in_a_short_page(
    h: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A participant who wrote little in a long room holds nobody up."""
    monkeypatch.setattr(exporting, "SCANNED_ROWS", 2)
    monkeypatch.setattr(exporting, "STEP_ROWS", 2)
    await fill(h)
    page = await h.do(pb.ExportRoomRequest(room_id="r1", participant_id="bob"))
    assert page.next_page_token
    bob = await exported(h, participant_id="bob")
    assert said(bob["event"]) == ["bob 0"]


async def test_s11_what_was_withdrawn_or_edited_is_exported_as_it_may_be_read(h: House) -> None:
    await h.room("r1", "ws")
    event = (await h.say("a secret", raw_payload={"said": "a secret"})).event
    await h.do(pb.DeleteEventRequest(room_id="r1", event_id=event.event_id))
    (found,) = [one for one in (await exported(h))["event"] if one.event_id == event.event_id]
    assert found.HasField("delete_time")
    assert b"secret" not in found.SerializeToString()


async def test_s11_a_text_that_waits_is_exported(h: House) -> None:
    await h.room("r1", "ws")
    actor = await h.engine.directory.get(ORG, "r1")
    actor.generating += 1
    request = pb.DeliverRequest(
        room_id="r1", channel_id="ws", content=text_content("later"), strategy=QUEUED
    )
    await h.do(request)
    (waiting,) = (await exported(h))["queued"]
    assert waiting.content.text.body == "later"


async def test_s11_the_command_writes_lines_of_json(
    h: House, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(h)
    assert await run(h, "room", "export", "r1") == 0
    lines = capsys.readouterr().out.splitlines()
    items = [ParseDict(json.loads(line), pb.ExportedItem()) for line in lines]
    assert [one.WhichOneof("item") for one in items].count("event") == len(await h.timeline())
    assert await run(h, "room", "export", "r1", "--participant", "bob") == 0
    assert 0 < len(capsys.readouterr().out.splitlines()) < len(lines)


async def test_s11_the_command_makes_a_room_that_keeps_its_events_for_days(h: House) -> None:
    assert await run(h, "room", "create", "r9", "--retention-days", "2.5") == 0
    assert (await h.state("r9")).retention.events.seconds == 216_000


async def test_s11_a_token_of_another_export_is_refused(h: House) -> None:
    await fill(h)
    page = await h.do(pb.ExportRoomRequest(room_id="r1", page_size=1))
    other = pb.ExportRoomRequest(
        room_id="r1", participant_id="ada", page_token=page.next_page_token
    )
    assert (await h.failure(other)).reason == "BAD_CURSOR"
