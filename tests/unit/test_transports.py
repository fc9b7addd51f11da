"""One attempt on a transport: what the channel says besides, and what becomes of it."""

from __future__ import annotations

from typing import Any

from lane_parts import LaneRig, lane_rig, states

from roomd import v1 as pb
from roomd_server.core.errors import Unavailable
from roomd_server.core.ports import Ask
from roomd_server.core.transports import Transports


class Talkative:
    """A driver whose channel answers every message."""

    def __init__(self) -> None:
        self.asked = 0

    async def deliver(self, ask: Ask) -> pb.DeliveryOutcome:
        self.asked += 1
        answer = pb.RoomEvent(content=pb.Content(text=pb.TextContent(body="thanks")))
        return pb.DeliveryOutcome(
            result=pb.DeliveryResult(state=pb.DELIVERY_STATE_SENT, provider_message_id="p1"),
            response=pb.Response(events=[answer]),
        )


class Plain:
    """Nobody replaces a transcoder."""

    async def transcode(self, *of: Any) -> None:
        return None


class Full:
    """A room that takes no answer now."""

    async def take(self, *answer: Any) -> None:
        raise Unavailable(pb.ERROR_REASON_PROCESS_TIMEOUT, "the room was busy")


async def talk(rig: LaneRig) -> tuple[Talkative, pb.Delivery]:
    driver, channels = Talkative(), rig.channels.channels
    channels._drivers = {**rig.channels.drivers, "worker": driver}
    transports = Transports(channels, Plain(), rig.services.clock, rig.channels.options, Full())
    rig.lanes.serve(pb.CHANNEL_CATEGORY_TRANSPORT, transports)
    actor = await rig.room()
    actor.bindings["sms"].metadata.update({"phone_number": "+15550001111"})
    row = await rig.say(actor, "hello")
    await rig.pass_time(10)
    return driver, await rig.row(row)


async def test_a_message_whose_answer_is_not_taken_was_sent_all_the_same() -> None:
    async with lane_rig() as rig:
        driver, row = await talk(rig)
        assert states([row]) == ["SENT"]
        assert (driver.asked, row.result.provider_message_id) == (1, "p1")
