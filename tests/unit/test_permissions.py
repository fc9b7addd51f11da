"""Who may write, hears, sees, is asked and may edit (semantics 2 and 4), rule by rule."""

from __future__ import annotations

import pytest

from roomd import v1 as pb
from roomd_server.core import permissions
from roomd_server.core.capabilities import SHOWN_WITH

Scope = pb.Visibility
TRANSPORT, INTELLIGENCE = pb.CHANNEL_CATEGORY_TRANSPORT, pb.CHANNEL_CATEGORY_INTELLIGENCE


def binding(channel_id: str, category: int = TRANSPORT, **fields: object) -> pb.Binding:
    return pb.Binding(channel_id=channel_id, category=category, **fields)


def message(source: str = "sms", **fields: object) -> pb.RoomEvent:
    return pb.RoomEvent(
        type=pb.EVENT_TYPE_MESSAGE, source=pb.EventSource(channel_id=source), **fields
    )


def only(*channel_ids: str) -> pb.Visibility:
    return pb.Visibility(scope=Scope.SCOPE_CHANNELS, channel_ids=channel_ids)


SMS, WEB = binding("sms"), binding("web")
BOT, GUIDE = binding("bot", INTELLIGENCE), binding("guide", INTELLIGENCE)
ROOM = [SMS, WEB, BOT, GUIDE]


def reached(
    event: pb.RoomEvent,
    bindings: list[pb.Binding] = ROOM,
    *,
    turns: permissions.Turns | None = None,
    echoing: str = "",
    modes: dict[str, int] | None = None,
    able: str = "",
) -> list[str]:
    given = {able: True} if able else {}
    source = next((one for one in bindings if one.channel_id == event.source.channel_id), None)
    found = permissions.targets(
        event,
        source,
        bindings,
        turns or permissions.Turns(),
        echoes=lambda channel_id: channel_id == echoing,
        caps=lambda one: pb.Capabilities(
            delivery_mode=(modes or {}).get(one.channel_id, 0), **given
        ),
    )
    return [one.channel_id for one in found]


# ------------------------------------------------------------------ participants


@pytest.mark.parametrize(
    ("role", "status", "refusal"),
    [
        ("MEMBER", "ACTIVE", ""),
        ("OWNER", "INACTIVE", ""),
        ("MEMBER", "BANNED", "participant_banned"),
        ("OWNER", "LEFT", "participant_left"),
        ("OBSERVER", "ACTIVE", "participant_observer"),
        ("OBSERVER", "BANNED", "participant_banned"),
        ("BOT", "ACTIVE", ""),
    ],
)
def test_the_banned_the_gone_and_observers_may_not_write(
    role: str, status: str, refusal: str
) -> None:
    who = pb.Participant(
        role=pb.ParticipantRole.Value(f"PARTICIPANT_ROLE_{role}"),
        status=pb.ParticipantStatus.Value(f"PARTICIPANT_STATUS_{status}"),
    )
    assert permissions.participant_refusal(who) == refusal


def test_an_unknown_participant_may_write() -> None:
    assert permissions.participant_refusal(None) == ""


# ------------------------------------------------------------------ targets


def test_a_message_reaches_everybody_but_its_source() -> None:
    assert reached(message()) == ["web", "bot", "guide"]
    assert reached(message("bot")) == ["sms", "web", "guide"]
    assert reached(message("")) == ["sms", "web", "bot", "guide"], "the system's own"


def test_a_connection_channel_gets_its_own_messages_but_an_ai_never() -> None:
    assert reached(message("web"), echoing="web") == ["sms", "web", "bot", "guide"]
    assert reached(message("bot"), echoing="bot") == ["sms", "web", "guide"]


def test_who_does_not_hear_gets_nothing() -> None:
    deaf = [
        binding("a", access=pb.ACCESS_WRITE_ONLY),
        binding("b", access=pb.ACCESS_NONE),
        binding("c", direction=pb.DIRECTION_INBOUND),
        binding("d", access=pb.ACCESS_READ_ONLY),
        binding("e", muted=True),
        binding("f", direction=pb.DIRECTION_OUTBOUND),
    ]
    assert reached(message(), deaf) == ["d", "e", "f"]


def test_an_event_for_some_reaches_only_them() -> None:
    assert reached(message(visibility=only("web", "nobody"))) == ["web"]
    assert reached(message(visibility=pb.Visibility(scope=Scope.SCOPE_TRANSPORT))) == ["web"]
    assert reached(message(visibility=pb.Visibility(scope=Scope.SCOPE_INTELLIGENCE))) == [
        "bot",
        "guide",
    ]
    for scope in (Scope.SCOPE_NONE, Scope.SCOPE_INTERNAL):
        assert reached(message("web", visibility=pb.Visibility(scope=scope)), echoing="web") == []


def test_the_source_bindings_visibility_holds_unless_the_event_has_its_own() -> None:
    shy = binding("sms", visibility=pb.Visibility(scope=Scope.SCOPE_INTELLIGENCE))
    room = [shy, WEB, BOT]
    assert reached(message(), room) == ["bot"]
    assert reached(message(visibility=pb.Visibility(scope=Scope.SCOPE_ALL)), room) == ["bot"]
    assert reached(message(visibility=only("web")), room) == ["web"]


def test_a_direct_channel_gets_only_what_is_addressed_to_it() -> None:
    modes = {"web": pb.DELIVERY_MODE_DIRECT}
    assert reached(message(), [SMS, WEB], modes=modes) == []
    named = message(addressed_to=pb.Addressing(channel_ids=["web"]))
    assert reached(named, [SMS, WEB], modes=modes) == ["web"]
    assert reached(message(visibility=only("web")), [SMS, WEB], modes=modes) == ["web"]


def test_round_robin_channels_take_turns() -> None:
    desk = [binding(name) for name in ("a", "b", "c")]
    modes = dict.fromkeys(("a", "b", "c"), pb.DELIVERY_MODE_ROUND_ROBIN)
    room = [SMS, WEB, *desk]
    turns = permissions.Turns()
    found = [reached(message(), room, turns=turns, modes=modes) for _ in range(6)]
    assert found == [["web", one] for one in ("a", "b", "c", "a", "b", "c")]


# ------------------------------------------------------------------ who is asked


def test_addressing_limits_who_is_asked_and_not_who_hears() -> None:
    event = message(addressed_to=pb.Addressing(channel_ids=["guide"]))
    assert reached(event) == ["web", "guide"]
    assert reached(message(addressed_to=pb.Addressing())) == ["web"], "empty: nobody is asked"


def test_a_muted_ai_is_asked_only_to_analyse() -> None:
    assert not permissions.asked(message(), binding("bot", INTELLIGENCE, muted=True))
    analyst = binding("bot", INTELLIGENCE, muted=True, analyse_while_muted=True)
    assert permissions.asked(message(), analyst)


def test_only_messages_are_asked_about() -> None:
    for kind in pb.EventType.values():
        event = message()
        event.type = kind
        wanted = kind in (pb.EVENT_TYPE_UNSPECIFIED, pb.EVENT_TYPE_MESSAGE)
        assert permissions.asked(event, BOT) is wanted
        assert ("bot" in reached(event)) is wanted
        assert ("web" in reached(event)) is (kind not in SHOWN_WITH)


@pytest.mark.parametrize("kind", SHOWN_WITH, ids=pb.EventType.Name)
def test_what_a_channel_does_not_show_it_is_not_given(kind: int) -> None:
    event = message()
    event.type = kind
    assert reached(event) == []
    assert reached(event, able=SHOWN_WITH[kind]) == ["web"]


def test_nobody_is_asked_about_what_was_blocked() -> None:
    assert not permissions.asked(message(blocked_by="filter"), BOT)


# ------------------------------------------------------------------ history


def may_see(event: pb.RoomEvent, who: pb.Binding) -> bool:
    return permissions.may_see(event, who, {one.channel_id: one for one in [*ROOM, who]})


def test_history_follows_the_rule_of_delivery() -> None:
    assert may_see(message(), BOT)
    assert not may_see(message(visibility=pb.Visibility(scope=Scope.SCOPE_TRANSPORT)), BOT)
    assert may_see(message(visibility=only("bot")), BOT)
    assert not may_see(message(visibility=only("bot")), GUIDE)
    shy = binding("sms", visibility=pb.Visibility(scope=Scope.SCOPE_TRANSPORT))
    assert not permissions.may_see(message(), BOT, {"sms": shy})
    assert permissions.may_see(message("gone"), BOT, {}), "a detached source hides nothing"


def test_what_a_channel_said_itself_it_may_see() -> None:
    own = message("bot", visibility=pb.Visibility(scope=Scope.SCOPE_NONE))
    assert may_see(own, BOT)
    assert not may_see(own, GUIDE)


def test_nobody_sees_what_was_blocked_or_withdrawn() -> None:
    withdrawn = message()
    withdrawn.delete_time.SetInParent()
    for event in (withdrawn, message(blocked_by="filter"), message("bot", blocked_by="filter")):
        assert not may_see(event, BOT)


def test_who_hears_nothing_has_no_history_of_others() -> None:
    deaf = binding("bot", INTELLIGENCE, access=pb.ACCESS_WRITE_ONLY)
    assert not may_see(message(), deaf)
    assert may_see(message("bot"), deaf)


# ------------------------------------------------------------------ edit and delete

PEOPLE = {
    "ann": pb.Participant(participant_id="ann", role=pb.PARTICIPANT_ROLE_MEMBER),
    "bob": pb.Participant(participant_id="bob", role=pb.PARTICIPANT_ROLE_MEMBER),
    "own": pb.Participant(participant_id="own", role=pb.PARTICIPANT_ROLE_OWNER),
}
ANNS = pb.RoomEvent(source=pb.EventSource(participant_id="ann"))
NOBODYS = pb.RoomEvent()
Delete = pb.DeleteContent


def asks(
    actor: str, content: pb.EditContent | pb.DeleteContent, channel_type: int = 0
) -> pb.RoomEvent:
    event = pb.RoomEvent(source=pb.EventSource(participant_id=actor, channel_type=channel_type))
    if isinstance(content, pb.EditContent):
        event.content.edit.CopyFrom(content)
        event.content.edit.SetInParent()
    else:
        event.content.delete.CopyFrom(content)
        event.content.delete.SetInParent()
    return event


OWN_EDIT, OWN_DELETE = pb.EditContent(), pb.DeleteContent()
ADMIN_EDIT = pb.EditContent(edit_source="admin")
ADMIN_DELETE = pb.DeleteContent(delete_type=Delete.DELETE_TYPE_ADMIN)
SYSTEM_EDIT = pb.EditContent(edit_source="system")
SYSTEM_DELETE = pb.DeleteContent(delete_type=Delete.DELETE_TYPE_SYSTEM)
EDITS = (OWN_EDIT, ADMIN_EDIT, SYSTEM_EDIT)
DELETES = (OWN_DELETE, ADMIN_DELETE, SYSTEM_DELETE)


@pytest.mark.parametrize(
    ("actor", "refusals"),
    # own, admin's, system's
    [
        ("ann", ("", "not_authorized", "not_authorized")),
        ("bob", ("not_original_author", "not_authorized", "not_authorized")),
        ("own", ("", "", "not_authorized")),
        ("nob", ("not_original_author", "not_authorized", "not_authorized")),
        ("", ("identity_required_for_edit", "identity_required_for_edit", "not_authorized")),
    ],
)
def test_the_author_an_owner_or_the_system_may_edit_and_delete(
    actor: str, refusals: tuple[str, str, str]
) -> None:
    for contents in (
        (OWN_EDIT, ADMIN_EDIT, SYSTEM_EDIT),
        (OWN_DELETE, ADMIN_DELETE, SYSTEM_DELETE),
    ):
        for content, refusal in zip(contents, refusals, strict=True):
            assert permissions.may_edit(asks(actor, content), ANNS, PEOPLE) == refusal
            system = asks(actor, content, pb.CHANNEL_TYPE_SYSTEM)
            assert permissions.may_edit(system, ANNS, PEOPLE) == ""


def test_what_nobody_said_only_an_owner_changes() -> None:
    assert permissions.may_edit(asks("ann", OWN_EDIT), NOBODYS, PEOPLE) == "not_original_author"
    assert permissions.may_edit(asks("", OWN_EDIT), NOBODYS, PEOPLE) != ""
    assert permissions.may_edit(asks("own", OWN_EDIT), NOBODYS, PEOPLE) == ""
