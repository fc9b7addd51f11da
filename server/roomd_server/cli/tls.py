"""TLS of the commands: which authority to trust, under which name, and who we are."""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import grpc

HANDSHAKE_SECONDS = 3.0
LOOPBACK = frozenset(("127.0.0.1", "localhost", "[::1]"))


class TlsError(Exception):
    """TLS files that are no good, or a server that does not show the certificate it should."""


def add_tls(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to trust the server."""
    environment = os.environ
    parser.add_argument(
        "--tls",
        action="store_true",
        default=environment.get("ROOMD_TLS", "").lower() in ("1", "true", "yes"),
        help="use TLS (or ROOMD_TLS=true)",
    )
    for option, name, text in (
        ("--tls-ca", "ROOMD_TLS_CA", "PEM file of the authority to trust; turns TLS on"),
        ("--tls-name", "ROOMD_TLS_NAME", "name in the server's certificate, if not the address"),
        ("--client-certificate", "ROOMD_CLIENT_CERTIFICATE", "PEM file to show to the server"),
        ("--client-key", "ROOMD_CLIENT_KEY", "PEM file of its private key"),
    ):
        kind = "NAME" if option == "--tls-name" else "FILE"
        parser.add_argument(
            option, default=environment.get(name, ""), metavar=kind, help=f"{text} (or {name})"
        )


def open_channel(address: str, options: argparse.Namespace) -> grpc.aio.Channel:
    """Open a channel as the options say.

    Raises:
        TlsError: a file cannot be read.
    """
    if not (options.tls or options.tls_ca):
        return grpc.aio.insecure_channel(address)
    credentials = grpc.ssl_channel_credentials(
        _read(options.tls_ca), _read(options.client_key), _read(options.client_certificate)
    )
    named = (("grpc.ssl_target_name_override", options.tls_name),) if options.tls_name else ()
    return grpc.aio.secure_channel(address, credentials, options=named)


def own_certificate(
    options: argparse.Namespace, environment: Mapping[str, str] = os.environ
) -> str:
    """The certificate of the server on this machine, when that is what is asked for without
    saying how; else empty.
    """
    if options.tls or options.tls_ca or options.address.rpartition(":")[0] not in LOOPBACK:
        return ""
    return environment.get("ROOMD_TLS_CERTIFICATE", "")


async def name_shown(options: argparse.Namespace, certificate: str) -> str:
    """A name in the certificate that the server shows, which must be the one in the file.

    Raises:
        TlsError: it shows another one, none, or no TLS at all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # its name is what we are here for
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not be an authority itself
    context.set_alpn_protocols(["h2"])
    address = options.address
    host, _, port = address.rpartition(":")
    try:
        context.load_verify_locations(certificate)
        if options.client_certificate:
            context.load_cert_chain(options.client_certificate, options.client_key or None)
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
    except (OSError, ValueError) as error:
        raise TlsError(f"{address} does not show {certificate}: {error}") from None
    shown = writer.get_extra_info("peercert")
    writer.close()
    names = [value for kind, value in shown.get("subjectAltName", ()) if kind in _NAMES]
    if not names:
        raise TlsError(f"{certificate} names no host; clients could not trust it")
    return str(names[0]).replace("*", "any", 1)


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise TlsError(f"{path}: {error.strerror}") from None


_NAMES = frozenset(("DNS", "IP Address"))
