"""TLS: the server shows its certificate, and asks for the client's when told to."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from api_fakes import ROOM, routes_with
from grpc import aio

from roomd import v1 as pb
from roomd_server.api.fronts import StartupError
from roomd_server.api.server import ApiOptions, ApiServer, TlsFiles
from roomd_server.security.credentials import DevKey

# Made for this test alone: self-signed, for localhost.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBRzCB7qADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCWxvY2FsaG9z
dDAgFw0yNDAxMDEwMDAwMDBaGA8yMTI0MDEwMTAwMDAwMFowFDESMBAGA1UEAwwJ
bG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/YxAXLXU10pC8FXX
sm219M9azgwWm7r9oRR1R+ArChgPlNvkJiyUBGbW4NVBmbufxcxS+Z5xtK/LvqJ9
fPpWMKMvMC0wGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgONYI4kSwqTPUc5K9P0QvCr7+v08LvCUA
6mw7ygP3UtACIQDMOo1Esux2SNoPWXsSOx/yi/GY503ml/bCibCcnDdczw==
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfognMe6ZVZvs7wJf
xVJXvIpGz/6kPKpKLyADEj8K7O2hRANCAAT9jEBctdTXSkLwVdeybbX0z1rODBab
uv2hFHVH4CsKGA+U2+QmLJQEZtbg1UGZu5/FzFL5nnG0r8u+on18+lYw
-----END PRIVATE KEY-----
"""


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    (tmp_path / "cert.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(KEY)
    return TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem")


async def _get(port: int, key: DevKey, channel: grpc.ChannelCredentials) -> pb.GetRoomResponse:
    async with aio.secure_channel(f"localhost:{port}", channel) as secure:
        get = secure.unary_unary(
            f"{ROOM}GetRoom",
            pb.GetRoomRequest.SerializeToString,
            pb.GetRoomResponse.FromString,
        )
        metadata = (("authorization", f"Bearer {key.key}"),)
        answer: pb.GetRoomResponse = await get(
            pb.GetRoomRequest(room_id="r"), metadata=metadata, timeout=10
        )
        return answer


async def test_calls_are_served_over_tls(files: TlsFiles) -> None:
    key = DevKey()
    server = ApiServer(routes_with(), key, ApiOptions(addresses=("localhost:0",), tls=files))
    (port,) = await server.start()
    trusted = grpc.ssl_channel_credentials(CERTIFICATE.encode())
    assert await _get(port, key, trusted) == pb.GetRoomResponse()
    await server.drain(1)


async def test_with_a_client_authority_only_its_clients_are_let_in(files: TlsFiles) -> None:
    key = DevKey()
    mutual = TlsFiles(files.certificate, files.key, client_authority=files.certificate)
    server = ApiServer(routes_with(), key, ApiOptions(addresses=("localhost:0",), tls=mutual))
    (port,) = await server.start()
    with pytest.raises(aio.AioRpcError):
        await _get(port, key, grpc.ssl_channel_credentials(CERTIFICATE.encode()))
    known = grpc.ssl_channel_credentials(CERTIFICATE.encode(), KEY.encode(), CERTIFICATE.encode())
    assert await _get(port, key, known) == pb.GetRoomResponse()
    await server.drain(1)


async def test_tls_files_that_are_not_there_stop_the_start(files: TlsFiles) -> None:
    missing = TlsFiles(files.certificate, Path("/nowhere/key.pem"))
    server = ApiServer(routes_with(), DevKey(), ApiOptions(tls=missing))
    with pytest.raises(StartupError, match=r"key\.pem"):
        await server.start()


async def test_tls_files_that_are_no_good_stop_the_start(files: TlsFiles) -> None:
    files.key.write_text("not a key")
    server = ApiServer(routes_with(), DevKey(), ApiOptions(tls=files))
    with pytest.raises(StartupError, match="TLS files"):
        await server.start()
