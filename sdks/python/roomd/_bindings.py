"""Calls about channels in rooms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from roomd import v1 as pb
from roomd._convert import (
    ACCESSES,
    CATEGORIES,
    DIRECTIONS,
    binding_from_pb,
    capabilities_to_pb,
    rate_limit_to_pb,
    retry_policy_to_pb,
    struct,
    visibility_to_pb,
)
from roomd._session import Session
from roomd.exceptions import AlreadyExistsError
from roomd.models.channel import ChannelBinding, ChannelCapabilities, RateLimit, RetryPolicy
from roomd.models.enums import Access, ChannelCategory, ChannelDirection

SETTINGS = frozenset(
    (
        "metadata",
        "rate_limit",
        "retry_policy",
        "capabilities",
        "direction",
        "participant_id",
        "category",
    )
)
"""What may be said about a channel that is attached already, beside access and visibility."""


def binding_of(
    *,
    category: ChannelCategory | None = None,
    access: Access = Access.READ_WRITE,
    visibility: str = "all",
    direction: ChannelDirection | None = None,
    participant_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    rate_limit: RateLimit | None = None,
    retry_policy: RetryPolicy | None = None,
    capabilities: ChannelCapabilities | None = None,
) -> pb.Binding:
    """A binding's settings as protobuf; what is not said follows the channel."""
    binding = pb.Binding(
        category=CATEGORIES.number(category),
        access=ACCESSES.number(access),
        visibility=visibility_to_pb(visibility),
        direction=DIRECTIONS.number(direction),
        participant_id=participant_id or "",
    )
    if metadata:
        binding.metadata.CopyFrom(struct(metadata))
    if rate_limit is not None:
        binding.rate_limit.CopyFrom(rate_limit_to_pb(rate_limit))
    if retry_policy is not None:
        binding.retry_policy.CopyFrom(retry_policy_to_pb(retry_policy))
    if capabilities is not None:
        binding.capabilities.CopyFrom(capabilities_to_pb(capabilities))
    return binding


class BindingCalls:
    """Attaches channels to rooms and says what they may do there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def attach(self, room_id: str, channel_id: str, binding: pb.Binding) -> ChannelBinding:
        """Attach a channel; one that is attached already gets these settings."""
        try:
            response = await self._session.call(
                "ChannelService/AttachChannel",
                pb.AttachChannelRequest(room_id=room_id, channel_id=channel_id, binding=binding),
                pb.AttachChannelResponse,
            )
        except AlreadyExistsError as error:
            if error.reason != "BINDING_EXISTS":
                raise
            return await self._settle(room_id, channel_id, binding)
        return binding_from_pb(response.binding)

    async def _settle(self, room_id: str, channel_id: str, binding: pb.Binding) -> ChannelBinding:
        """Give an attached channel the settings that are said."""
        await self._session.call(
            "ChannelService/SetAccess",
            pb.SetAccessRequest(room_id=room_id, channel_id=channel_id, access=binding.access),
            pb.SetAccessResponse,
        )
        await self._session.call(
            "ChannelService/SetVisibility",
            pb.SetVisibilityRequest(
                room_id=room_id, channel_id=channel_id, visibility=binding.visibility
            ),
            pb.SetVisibilityResponse,
        )
        said = {field.name for field, _ in binding.ListFields()} & SETTINGS
        if not said:
            return await self.change("GetBinding", room_id, channel_id)
        return await self._update(room_id, channel_id, binding, sorted(said))

    async def detach(self, room_id: str, channel_id: str) -> bool:
        """Detach a channel; whether it was attached."""
        response = await self._session.call(
            "ChannelService/DetachChannel",
            pb.DetachChannelRequest(room_id=room_id, channel_id=channel_id),
            pb.DetachChannelResponse,
        )
        return response.detached

    async def change(self, method: str, room_id: str, channel_id: str) -> ChannelBinding:
        """Mute, unmute …: calls that need nothing but the names."""
        request, response = _PLAIN[method]
        answer: Any = await self._session.call(
            f"ChannelService/{method}", request(room_id=room_id, channel_id=channel_id), response
        )
        return binding_from_pb(answer.binding)

    async def set_access(self, room_id: str, channel_id: str, access: Access) -> ChannelBinding:
        """Say what a channel may do."""
        response = await self._session.call(
            "ChannelService/SetAccess",
            pb.SetAccessRequest(
                room_id=room_id, channel_id=channel_id, access=ACCESSES.number(access)
            ),
            pb.SetAccessResponse,
        )
        return binding_from_pb(response.binding)

    async def set_visibility(
        self, room_id: str, channel_id: str, visibility: str
    ) -> ChannelBinding:
        """Say who sees what a channel writes."""
        response = await self._session.call(
            "ChannelService/SetVisibility",
            pb.SetVisibilityRequest(
                room_id=room_id, channel_id=channel_id, visibility=visibility_to_pb(visibility)
            ),
            pb.SetVisibilityResponse,
        )
        return binding_from_pb(response.binding)

    async def update_metadata(
        self, room_id: str, channel_id: str, metadata: Mapping[str, Any]
    ) -> ChannelBinding:
        """Merge keys into a binding's metadata; None removes one."""
        binding = pb.Binding(metadata=struct(metadata))
        return await self._update(room_id, channel_id, binding, ["metadata"])

    async def _update(
        self, room_id: str, channel_id: str, binding: pb.Binding, paths: Sequence[str]
    ) -> ChannelBinding:
        binding.room_id, binding.channel_id = room_id, channel_id
        response = await self._session.call(
            "ChannelService/UpdateBinding",
            pb.UpdateBindingRequest(binding=binding, update_mask=FieldMask(paths=paths)),
            pb.UpdateBindingResponse,
        )
        return binding_from_pb(response.binding)


_PLAIN: Mapping[str, tuple[Any, Any]] = {
    "MuteChannel": (pb.MuteChannelRequest, pb.MuteChannelResponse),
    "UnmuteChannel": (pb.UnmuteChannelRequest, pb.UnmuteChannelResponse),
    "MuteOutput": (pb.MuteOutputRequest, pb.MuteOutputResponse),
    "UnmuteOutput": (pb.UnmuteOutputRequest, pb.UnmuteOutputResponse),
    "GetBinding": (pb.GetBindingRequest, pb.GetBindingResponse),
}
