"""A PostgreSQL of the tests' own: on loopback, in a temporary folder, gone with them.

PostgreSQL refuses to run as root; then it runs as the user that its package made, or nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg
import psutil

from roomd_server.stores.postgres_link import OWNER_LOCK

BINARIES = Path("/usr/lib/postgresql")
USERS = ("postgres", "nobody")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 << 30
"""Free in memory, to put a server there that need not outlive anything."""
SMALL_SEGMENT_MIB = 1
"""Of a write-ahead log apart: for small disks."""
SLOW_AND_SAFE = {"fsync": "on", "full_page_writes": "on"}
FAST = {"fsync": "off", "full_page_writes": "off"}
"""For tests that do not pull the plug."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
}


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL's programs; None: there is none."""
    found = sorted(BINARIES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("postgres")
    return Path(program).parent if program else None


class Cluster:
    """A server with its folder.

    Args:
        durable: Whether it syncs.
        on_disk: Not in memory, also where there is room: to be measured.
        data: Folder of what is stored, if it is to be a certain one.
        wal: Folder of its write-ahead log, if that is to be another one.
    """

    def __init__(
        self,
        *,
        durable: bool = False,
        on_disk: bool = False,
        data: Path | None = None,
        wal: Path | None = None,
    ) -> None:
        programs = binaries()
        assert programs is not None, "no PostgreSQL here: apt-get install postgresql"
        self._binaries = programs
        self._settings = {**SETTINGS, **(SLOW_AND_SAFE if durable else FAST)}
        self._user = _user()
        in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
        self._home = self._folder(MEMORY if in_memory and not on_disk else None)
        self._data = self._folder(data) if data else self._home / "data"
        self._folders = {self._home, self._data}
        self._names = itertools.count()
        self._lent: list[str] = []
        self._server: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        options = ["-U", "roomd", "-A", "trust", "-E", "UTF8"]
        if wal:
            apart = self._folder(wal)
            self._folders.add(apart)
            options += [f"--waldir={apart}", f"--wal-segsize={SMALL_SEGMENT_MIB}"]
        self._run("initdb", "-D", str(self._data), *options)

    def _folder(self, within: Path | None) -> Path:
        """Make a folder that the server may write to."""
        made = Path(tempfile.mkdtemp(prefix="roomd-postgres-", dir=within))
        if self._user is not None:
            os.chown(made, self._user.pw_uid, self._user.pw_gid)
        return made

    def url(self, database: str = "postgres") -> str:
        """Where a database of it is."""
        return f"postgresql://roomd@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it can be asked."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        self._server = subprocess.Popen(
            self._command("postgres", "-D", str(self._data), f"-p{self.port}", *options),
            cwd=self._home,
            stdout=subprocess.DEVNULL,
            stderr=(self._home / "log").open("ab"),
        )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._server.poll() is None, (self._home / "log").read_text()
            assert time.monotonic() < end, "PostgreSQL does not start"
            time.sleep(0.05)

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self._server is not None and self._server.poll() is None

    def stop_at_once(self) -> None:
        """Stop it as an operator in a hurry does (SIGQUIT: no goodbye, no checkpoint)."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """The same, and start it again."""
        self.stop_at_once()
        self.start()

    def kill(self) -> None:
        """End all of its processes at once, with SIGKILL."""
        assert self._server is not None
        parent = psutil.Process(self._server.pid)
        # Frozen first: a backend that sees the others die says so to its client.
        every = [parent, *parent.children(recursive=True)]
        for process in every:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        for process in every:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.wait(STOP_SECONDS)
        psutil.wait_procs(every, STOP_SECONDS)

    def stop(self) -> None:
        """Stop it; ``start`` brings it back."""
        self._end(signal.SIGINT)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self._end(signal.SIGQUIT)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def create(self, template: str = "template1") -> str:
        """Make a database; its URL."""
        name = f"roomd_{next(self._names)}"
        asyncio.run(self._execute(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return self.url(name)

    def lend(self) -> str:
        """An empty database that is somebody else's once its store is closed: making one
        takes much longer than emptying one.
        """
        for url in self._lent:
            if asyncio.run(_emptied(url)):
                return url
        self._lent.append(self.create())
        return self._lent[-1]

    async def acreate(self) -> str:
        """The same inside an event loop."""
        return await asyncio.to_thread(self.create)

    async def _execute(self, sql: str) -> None:
        conn = await asyncpg.connect(self.url())
        try:
            await conn.execute(sql)
        finally:
            await conn.close()

    def _end(self, number: signal.Signals) -> None:
        if self._server is None:
            return
        if self._server.poll() is None:
            self._server.send_signal(number)
            self._server.wait(STOP_SECONDS)
        self._server = None

    def _answers(self) -> bool:
        command = self._command("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port))
        return subprocess.run(command, cwd=self._home, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(program, *arguments),
            cwd=self._home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._binaries / program), *arguments]
        if self._user is None:
            return command
        # Not by a fork of this process that changes its user: gRPC does not survive one.
        ids = (f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}")
        return ["setpriv", *ids, "--clear-groups", *command]


EMPTY = """DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('schema_version', 'last_commit', 'search_progress')
    LOOP EXECUTE 'DELETE FROM ' || quote_ident(name); END LOOP;
    UPDATE search_progress SET indexed_id = 0;
END $$"""


async def _emptied(url: str) -> bool:
    """Empty a database, unless a store is open on it."""
    conn = await asyncpg.connect(url)
    try:
        if not await conn.fetchval("SELECT pg_try_advisory_lock($1)", OWNER_LOCK):
            return False
        if await conn.fetchval("SELECT to_regclass('last_commit')") is not None:
            await conn.execute(EMPTY)
        return True
    finally:
        await conn.close()


def _user() -> pwd.struct_passwd | None:
    """Who runs it when we are root."""
    if os.geteuid() != 0:
        return None
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError(f"none of {USERS} is a user here")
