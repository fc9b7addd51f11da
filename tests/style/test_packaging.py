"""The distribution: one wheel with the SDK, the protocol's code and the server, and no more."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from module_graph import imports
from source_tree import PACKAGES, ROOT, repository_files, sources

from roomd_server import __version__

HOMES = {
    "asyncpg": "asyncpg",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "grpc_status": "grpcio-status",
    "jsonschema_rs": "jsonschema-rs",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.exporter.otlp.proto.grpc": "opentelemetry-exporter-otlp-proto-grpc",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "prometheus_client": "prometheus-client",
    "pydantic": "pydantic",
    "pygrpc_native": "pygrpc-native",
    "rich": "rich",
    "uvloop": "uvloop",
}
"""Import name → the distribution that brings it."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built with the installed back end: nothing is fetched."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--no-index", "--wheel-dir", str(target), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = target.glob("*.whl")
    assert path.name == f"roomd-{__version__}-py3-none-any.whl"
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    """Modules, generated code with its types, ``py.typed``, and data such as scripts."""
    wanted = {
        str(Path(package) / Path(name).relative_to(folder))
        for package, folder in PACKAGES.items()
        for name in repository_files()
        if name.startswith(f"{folder}/")
    }
    for example in (
        "roomd/__init__.py",
        "roomd/py.typed",
        "roomd/v1/event_pb2.py",
        "roomd/v1/event_pb2.pyi",
        "roomd/v1/event_service_pb2_grpc.py",
        "roomd_server/wiring.py",
        "roomd_server/cli/demo_script.json",
    ):
        assert example in wanted
    assert wanted <= set(wheel.namelist())


@pytest.mark.slow
def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    strange = [
        name
        for name in wheel.namelist()
        if name.partition("/")[0] not in (*PACKAGES, f"roomd-{__version__}.dist-info")
        or name.endswith((".pyc", ".db", ".so"))
    ]
    assert not strange


@pytest.mark.slow
def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    info = f"roomd-{__version__}.dist-info"
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert "Name: roomd\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    assert "License-Expression: MIT\n" in metadata
    entries = wheel.read(f"{info}/entry_points.txt").decode()
    assert "roomd = roomd_server.cli:main" in entries
    assert any(name.endswith("LICENSE") for name in wheel.namelist())


def test_what_is_imported_is_declared() -> None:
    """Of other distributions only declared ones are imported, and each declared one is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["tracing"], *extras["native"]]
    declared = {re.match(r"[\w-]+", one)[0] for one in wanted}
    own = {*PACKAGES, *sys.stdlib_module_names}
    needed = {}
    for source in sources():
        for name in imports(source):
            if name.partition(".")[0] not in own:
                homes = [home for home in HOMES if name == home or name.startswith(f"{home}.")]
                home = HOMES[max(homes, key=len)] if homes else f"unknown: {name}"
                needed[home] = source.name
    assert set(needed) == declared, needed
