import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from roomd.v1 import validation_pb2 as _validation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Content(_message.Message):
    __slots__ = ("text", "rich", "media", "audio", "video", "location", "template", "composite", "system", "edit", "delete", "tool_call")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RICH_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    COMPOSITE_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
    text: TextContent
    rich: RichContent
    media: MediaContent
    audio: AudioContent
    video: VideoContent
    location: LocationContent
    template: TemplateContent
    composite: CompositeContent
    system: SystemContent
    edit: EditContent
    delete: DeleteContent
    tool_call: ToolCallContent
    def __init__(self, text: _Optional[_Union[TextContent, _Mapping]] = ..., rich: _Optional[_Union[RichContent, _Mapping]] = ..., media: _Optional[_Union[MediaContent, _Mapping]] = ..., audio: _Optional[_Union[AudioContent, _Mapping]] = ..., video: _Optional[_Union[VideoContent, _Mapping]] = ..., location: _Optional[_Union[LocationContent, _Mapping]] = ..., template: _Optional[_Union[TemplateContent, _Mapping]] = ..., composite: _Optional[_Union[CompositeContent, _Mapping]] = ..., system: _Optional[_Union[SystemContent, _Mapping]] = ..., edit: _Optional[_Union[EditContent, _Mapping]] = ..., delete: _Optional[_Union[DeleteContent, _Mapping]] = ..., tool_call: _Optional[_Union[ToolCallContent, _Mapping]] = ...) -> None: ...

class TextContent(_message.Message):
    __slots__ = ("body", "language")
    BODY_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    body: str
    language: str
    def __init__(self, body: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class RichContent(_message.Message):
    __slots__ = ("body", "format", "plain_text", "buttons", "cards", "quick_replies")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[RichContent.Format]
        FORMAT_MARKDOWN: _ClassVar[RichContent.Format]
        FORMAT_HTML: _ClassVar[RichContent.Format]
    FORMAT_UNSPECIFIED: RichContent.Format
    FORMAT_MARKDOWN: RichContent.Format
    FORMAT_HTML: RichContent.Format
    BODY_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PLAIN_TEXT_FIELD_NUMBER: _ClassVar[int]
    BUTTONS_FIELD_NUMBER: _ClassVar[int]
    CARDS_FIELD_NUMBER: _ClassVar[int]
    QUICK_REPLIES_FIELD_NUMBER: _ClassVar[int]
    body: str
    format: RichContent.Format
    plain_text: str
    buttons: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    cards: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    quick_replies: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, body: _Optional[str] = ..., format: _Optional[_Union[RichContent.Format, str]] = ..., plain_text: _Optional[str] = ..., buttons: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., cards: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., quick_replies: _Optional[_Iterable[str]] = ...) -> None: ...

class MediaContent(_message.Message):
    __slots__ = ("url", "mime_type", "filename", "size_bytes", "caption")
    URL_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    url: str
    mime_type: str
    filename: str
    size_bytes: int
    caption: str
    def __init__(self, url: _Optional[str] = ..., mime_type: _Optional[str] = ..., filename: _Optional[str] = ..., size_bytes: _Optional[int] = ..., caption: _Optional[str] = ...) -> None: ...

class AudioContent(_message.Message):
    __slots__ = ("url", "mime_type", "duration", "transcript")
    URL_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    url: str
    mime_type: str
    duration: _duration_pb2.Duration
    transcript: str
    def __init__(self, url: _Optional[str] = ..., mime_type: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., transcript: _Optional[str] = ...) -> None: ...

class VideoContent(_message.Message):
    __slots__ = ("url", "mime_type", "duration", "thumbnail_url")
    URL_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_URL_FIELD_NUMBER: _ClassVar[int]
    url: str
    mime_type: str
    duration: _duration_pb2.Duration
    thumbnail_url: str
    def __init__(self, url: _Optional[str] = ..., mime_type: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., thumbnail_url: _Optional[str] = ...) -> None: ...

class LocationContent(_message.Message):
    __slots__ = ("latitude", "longitude", "label", "address")
    LATITUDE_FIELD_NUMBER: _ClassVar[int]
    LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    latitude: float
    longitude: float
    label: str
    address: str
    def __init__(self, latitude: _Optional[float] = ..., longitude: _Optional[float] = ..., label: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class TemplateContent(_message.Message):
    __slots__ = ("template_id", "language", "parameters", "body")
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    language: str
    parameters: _struct_pb2.Struct
    body: str
    def __init__(self, template_id: _Optional[str] = ..., language: _Optional[str] = ..., parameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., body: _Optional[str] = ...) -> None: ...

class CompositeContent(_message.Message):
    __slots__ = ("parts",)
    PARTS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[Content]
    def __init__(self, parts: _Optional[_Iterable[_Union[Content, _Mapping]]] = ...) -> None: ...

class SystemContent(_message.Message):
    __slots__ = ("body", "code", "data")
    BODY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    body: str
    code: str
    data: _struct_pb2.Struct
    def __init__(self, body: _Optional[str] = ..., code: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class EditContent(_message.Message):
    __slots__ = ("target_event_id", "new_content", "edit_source")
    TARGET_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NEW_CONTENT_FIELD_NUMBER: _ClassVar[int]
    EDIT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    target_event_id: str
    new_content: Content
    edit_source: str
    def __init__(self, target_event_id: _Optional[str] = ..., new_content: _Optional[_Union[Content, _Mapping]] = ..., edit_source: _Optional[str] = ...) -> None: ...

class DeleteContent(_message.Message):
    __slots__ = ("target_event_id", "delete_type", "reason")
    class DeleteType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DELETE_TYPE_UNSPECIFIED: _ClassVar[DeleteContent.DeleteType]
        DELETE_TYPE_SENDER: _ClassVar[DeleteContent.DeleteType]
        DELETE_TYPE_ADMIN: _ClassVar[DeleteContent.DeleteType]
        DELETE_TYPE_SYSTEM: _ClassVar[DeleteContent.DeleteType]
    DELETE_TYPE_UNSPECIFIED: DeleteContent.DeleteType
    DELETE_TYPE_SENDER: DeleteContent.DeleteType
    DELETE_TYPE_ADMIN: DeleteContent.DeleteType
    DELETE_TYPE_SYSTEM: DeleteContent.DeleteType
    TARGET_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    DELETE_TYPE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    target_event_id: str
    delete_type: DeleteContent.DeleteType
    reason: str
    def __init__(self, target_event_id: _Optional[str] = ..., delete_type: _Optional[_Union[DeleteContent.DeleteType, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ToolCallContent(_message.Message):
    __slots__ = ("tool_name", "tool_id", "arguments", "result", "status", "duration", "error")
    TOOL_NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_ID_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    tool_name: str
    tool_id: str
    arguments: _struct_pb2.Struct
    result: str
    status: str
    duration: _duration_pb2.Duration
    error: str
    def __init__(self, tool_name: _Optional[str] = ..., tool_id: _Optional[str] = ..., arguments: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., result: _Optional[str] = ..., status: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., error: _Optional[str] = ...) -> None: ...
