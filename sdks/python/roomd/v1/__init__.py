"""The protocol: every message of ``roomd.v1`` under one name, ``from roomd import v1 as pb``."""

from roomd.v1.admin_service_pb2 import *  # noqa: F403
from roomd.v1.agent_service_pb2 import *  # noqa: F403
from roomd.v1.channel_pb2 import *  # noqa: F403
from roomd.v1.channel_service_pb2 import *  # noqa: F403
from roomd.v1.content_pb2 import *  # noqa: F403
from roomd.v1.error_pb2 import *  # noqa: F403
from roomd.v1.event_pb2 import *  # noqa: F403
from roomd.v1.event_service_pb2 import *  # noqa: F403
from roomd.v1.handler_pb2 import *  # noqa: F403
from roomd.v1.hook_pb2 import *  # noqa: F403
from roomd.v1.hook_service_pb2 import *  # noqa: F403
from roomd.v1.realtime_pb2 import *  # noqa: F403
from roomd.v1.realtime_service_pb2 import *  # noqa: F403
from roomd.v1.room_pb2 import *  # noqa: F403
from roomd.v1.room_service_pb2 import *  # noqa: F403
from roomd.v1.tool_pb2 import *  # noqa: F403
from roomd.v1.validation_pb2 import *  # noqa: F403
