"""A binding's settings: defaults filled in, compared, updated. Pure rules over messages."""

from __future__ import annotations

from roomd import v1 as pb
from roomd_server.core import errors
from roomd_server.core.capabilities import category_of
from roomd_server.core.channels import check_served
from roomd_server.core.structs import merge

_MESSAGES = ("rate_limit", "retry_policy", "capabilities")


def new_binding(room_id: str, channel: pb.Channel, wanted: pb.Binding) -> pb.Binding:
    """The settings with defaults filled in; without time and etag."""
    binding = pb.Binding()
    binding.CopyFrom(wanted)
    binding.ClearField("attach_time")
    binding.ClearField("etag")
    binding.room_id = room_id
    binding.channel_id = channel.channel_id
    binding.channel_type = channel.type
    binding.category = wanted.category or channel.category
    check_served(channel, binding.category, "binding.category")
    binding.direction = wanted.direction or pb.DIRECTION_BIDIRECTIONAL
    binding.access = wanted.access or pb.ACCESS_READ_WRITE
    binding.visibility.CopyFrom(one_visibility(wanted.visibility, "binding.visibility"))
    return binding


def settings_of(binding: pb.Binding) -> pb.Binding:
    """What two bindings must share to be the same."""
    settings = pb.Binding()
    settings.CopyFrom(binding)
    settings.ClearField("attach_time")
    settings.ClearField("etag")
    if not settings.metadata.fields:
        settings.ClearField("metadata")
    return settings


def one_visibility(wanted: pb.Visibility, field: str) -> pb.Visibility:
    """The one way to write it: a scope, and channels only where they count.

    Raises:
        InvalidArgument: it says two things, or nothing.
    """
    scope = wanted.scope or pb.Visibility.SCOPE_ALL
    if scope != pb.Visibility.SCOPE_CHANNELS:
        if wanted.channel_ids:
            raise errors.invalid(f"{field}.channel_ids", "needs scope CHANNELS")
        return pb.Visibility(scope=scope)
    channel_ids = [name for name in dict.fromkeys(wanted.channel_ids) if name]
    if not channel_ids:
        raise errors.invalid(f"{field}.channel_ids", "must name at least one channel")
    return pb.Visibility(scope=scope, channel_ids=channel_ids)


def take_fields(binding: pb.Binding, new: pb.Binding, paths: set[str]) -> None:
    """Take the fields of an update."""
    if "metadata" in paths:
        merge(binding.metadata, new.metadata)
    for path in _MESSAGES:
        if path in paths:
            binding.ClearField(path)
            if new.HasField(path):
                getattr(binding, path).CopyFrom(getattr(new, path))
    if "direction" in paths:
        binding.direction = new.direction or pb.DIRECTION_BIDIRECTIONAL
    if "participant_id" in paths:
        binding.participant_id = new.participant_id
    if "category" in paths:
        binding.category = new.category or category_of(binding.channel_type)
    if "analyse_while_muted" in paths:
        binding.analyse_while_muted = new.analyse_while_muted


def changed_fields(before: pb.Binding, after: pb.Binding) -> list[str]:
    """Names of the fields that differ; their values may be personal."""
    return [
        field.name
        for field in pb.Binding.DESCRIPTOR.fields
        if field.name != "etag" and getattr(before, field.name) != getattr(after, field.name)
    ]
