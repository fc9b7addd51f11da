"""The only file that names concrete classes: store, hooks, channels, API, put together."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from roomd_server import __version__
from roomd_server.api.admin import Admin
from roomd_server.api.routes import routes
from roomd_server.api.server import ApiServer
from roomd_server.channels.connection import ConnectionHub
from roomd_server.channels.script import ScriptDriver
from roomd_server.channels.system import SystemDriver
from roomd_server.config import Settings
from roomd_server.core.bus import FrameworkBus
from roomd_server.core.engine import Engine, Surroundings
from roomd_server.hooks.plane import HookPlane
from roomd_server.stores.sqlite import SqliteStore
from roomd_server.system import SortableIds, SystemClock
