"""The commands against a server with TLS: who is trusted, and under which name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_api_tls import CERTIFICATE as OTHER
from test_serving import KEY, address_of, serve

from roomd_server.cli.main import main

DOCKERFILE = Path(__file__).resolve().parents[2] / "Dockerfile"

# Made for this test alone: an authority, and its certificate for rooms.example.com.
AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBNTCB3KADAgECAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDnRlc3QgYXV0
aG9yaXR5MCAXDTI0MDEwMTAwMDAwMFoYDzIxMjQwMTAxMDAwMDAwWjAZMRcwFQYD
VQQDDA50ZXN0IGF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDIt
E/bTqrcoLtAd9cjh3EWMQSJDEiAb8M5zA6GxwGH/8rYoB4nrkIAAVH08M1b/bn3k
jQTr1FwDUHloGvkwMPKjEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID
SAAwRQIgVHUO2J2c3kCL4IKIrsZTvsWalbQurCxklRL4CnC0uigCIQCstIzamGFC
QSyw0BboxvdYTVz5VsG1jHRqIgzt9pDp3w==
-----END CERTIFICATE-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBUjCB+qADAgECAgECMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDnRlc3QgYXV0
aG9yaXR5MCAXDTI0MDEwMTAwMDAwMFoYDzIxMjQwMTAxMDAwMDAwWjAcMRowGAYD
VQQDDBFyb29tcy5leGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BMasujmulzUdY7xGqSNPKJbSxLgvx1yk1IIs0yoAoMfdcBp1fuRmSEu8PKRUWSBO
EyOLXw91cJ6RlVPfR7dC47SjLjAsMBwGA1UdEQQVMBOCEXJvb21zLmV4YW1wbGUu
Y29tMAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDRwAwRAIgD8s0ntmnadSZrAts
uZsaOnfle7QcylzsuxWdQd50x7MCIAk60WUXVf3RW+KDAkcxeSJM+i4WR1yWqJ8q
qbsP1opE
-----END CERTIFICATE-----
"""
PRIVATE_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgazimTnbfn0sOVg5h
uDFwQIFvBZqElWNwGAqSPAhirjahRANCAATGrLo5rpc1HWO8RqkjTyiW0sS4L8dc
pNSCLNMqAKDH3XAadX7kZkhLvDykVFkgThMji18PdXCekZVT30e3QuO0
-----END PRIVATE KEY-----
"""
FILES = {"ca": AUTHORITY, "certificate": CERTIFICATE, "key": PRIVATE_KEY}


Files = dict[str, str]


@dataclass
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def failure(self, check: str) -> str:
        """What the doctor says of something that is not well."""
        assert self.code == 1
        checks = [json.loads(line) for line in self.out.splitlines()]
        (detail,) = [one["detail"] for one in checks if one["check"] == check and not one["ok"]]
        return str(detail)


Command = Callable[..., Said]


@pytest.fixture
def roomd(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command against an address, with nothing but these variables."""

    def run(address: str, *arguments: str, **environment: str) -> Said:
        for name in [name for name in os.environ if name.startswith("ROOMD_")]:
            monkeypatch.delenv(name)
        for name, value in {"ROOMD_API_KEY": KEY, **environment}.items():
            monkeypatch.setenv(name, value)
        code = main([*arguments, "--address", address, "--json"])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    for name, text in FILES.items():
        (folder / f"{name}.pem").write_text(text)
    return {name: str(folder / f"{name}.pem") for name in FILES}


def started(files: Files, *options: str) -> Iterator[str]:
    """A server as it is started, and its address."""
    folder = Path(files["ca"]).parent
    server = serve(folder / f"{len(options)}.db", *options)
    yield address_of(server)
    server.terminate()
    server.communicate(timeout=30)


def tls(files: Files) -> tuple[str, str]:
    return f"--tls-certificate={files['certificate']}", f"--tls-key={files['key']}"


@pytest.fixture(scope="module")
def address(files: Files) -> Iterator[str]:
    yield from started(files, *tls(files))


@pytest.fixture(scope="module")
def choosy_address(files: Files) -> Iterator[str]:
    """A server that lets in only who shows a certificate of the authority."""
    yield from started(files, *tls(files), f"--tls-client-ca={files['ca']}")


@pytest.fixture(scope="module")
def plain_address(files: Files) -> Iterator[str]:
    yield from started(files)


def test_every_command_trusts_whom_it_is_told_to(
    roomd: Command, address: str, files: Files
) -> None:
    trust = ("--tls-ca", files["ca"], "--tls-name", "rooms.example.com")
    assert roomd(address, "doctor", *trust).code == 0
    assert roomd(address, "room", "create", "support", *trust).code == 0
    by_environment = {"ROOMD_TLS_CA": files["ca"], "ROOMD_TLS_NAME": "rooms.example.com"}
    assert "support" in roomd(address, "room", "list", **by_environment).out
    assert roomd(address, "hooks", "list", **by_environment).code == 0


@pytest.mark.parametrize("trust", [(), ("--tls",), ("--tls", "--tls-name", "rooms.example.com")])
def test_a_server_that_is_not_trusted_is_not_well(
    roomd: Command, address: str, trust: tuple[str, ...]
) -> None:
    assert roomd(address, "doctor", *trust).failure("server")


def test_another_name_is_not_trusted(roomd: Command, address: str, files: Files) -> None:
    assert roomd(address, "doctor", "--tls-ca", files["ca"]).failure("server")


def test_a_file_that_is_not_there_is_named(roomd: Command, address: str) -> None:
    refused = roomd(address, "room", "list", "--tls-ca", "/nowhere/ca.pem")
    assert refused == Said(1, "", "roomd: /nowhere/ca.pem: No such file or directory\n")


def test_the_images_health_check_holds_with_tls(roomd: Command, address: str, files: Files) -> None:
    """As in the container: the server's own variables, the loopback address."""
    found = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    assert found is not None
    name, *arguments, option, listens = json.loads(found[1])
    assert (name, option, listens) == ("roomd", "--address", "127.0.0.1:7777")
    own = {"ROOMD_TLS_CERTIFICATE": files["certificate"], "ROOMD_TLS_KEY": files["key"]}
    well = roomd(address, *arguments, **own)
    assert well.code == 0, well
    assert "rooms.example.com" in well.out


def test_another_certificate_than_the_servers_own_is_not_well(
    roomd: Command, address: str, tmp_path: Path
) -> None:
    missing, other = tmp_path / "missing.pem", tmp_path / "other.pem"
    other.write_text(OTHER)
    for path in (missing, other):
        sick = roomd(address, "doctor", ROOMD_TLS_CERTIFICATE=str(path))
        assert f"{address} does not show {path}" in sick.failure("certificate")


def test_a_server_without_tls_is_not_well_when_it_should_have_it(
    roomd: Command, plain_address: str, files: Files
) -> None:
    assert roomd(plain_address, "doctor").code == 0
    sick = roomd(plain_address, "doctor", ROOMD_TLS_CERTIFICATE=files["certificate"])
    assert "does not show" in sick.failure("certificate")


def test_a_client_shows_its_certificate(roomd: Command, choosy_address: str, files: Files) -> None:
    own = {"ROOMD_TLS_CERTIFICATE": files["certificate"]}
    assert roomd(choosy_address, "doctor", **own).failure("server")
    shown = {"ROOMD_CLIENT_CERTIFICATE": files["certificate"], "ROOMD_CLIENT_KEY": files["key"]}
    well = roomd(choosy_address, "doctor", **own, **shown)
    assert well.code == 0, well
