"""The ``roomd`` command: serve, look, send, try. Tables for people, ``--json`` for machines."""

from roomd_server.cli.main import main

__all__ = ["main"]
