"""``roomd keys``, and a server that takes what it made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_serving import address_of, roomd, serve

from roomd_server.cli.main import main


def test_a_key_works_until_it_is_taken_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "keys.json")
    scopes = ("--scopes", "rooms:read", "rooms:write")
    assert main(["keys", "add", file, "desk", *scopes, "--rooms", "a", "--no-block"]) == 0
    key = capsys.readouterr().out.strip()
    assert key not in Path(file).read_text(encoding="utf-8")
    assert main(["keys", "list", file, "--json"]) == 0
    grant = {"rooms": ["a"], "may_block": False, "may_modify": True}
    assert json.loads(capsys.readouterr().out) == {
        "id": "desk", "scopes": ["rooms:read", "rooms:write"], "grant": grant
    }  # fmt: skip
    server = serve(tmp_path / "a.db", f"--api-keys={file}")
    try:
        at = ("--address", address_of(server), "--key", key)
        assert roomd("room", "create", "support", *at).returncode == 0
        refused = roomd("hooks", "list", *at)
        assert refused.returncode == 1
        assert "SCOPE_MISSING" in refused.stderr
        assert main(["keys", "remove", file, "desk"]) == 0
        # The server looks once a second; starting the command takes no less.
        roomd("room", "list", *at)
        gone = roomd("room", "list", *at)
        assert gone.returncode == 1
        assert "CREDENTIAL_INVALID" in gone.stderr
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "{}", "Desk"), "id: "),
        (("add", "{}", "desk", "--scopes", "all"), "there is no all"),
        (("add", "{}", "desk", "--triggers", "SOMETIMES"), "SOMETIMES is no trigger"),
        (("add", "{}", "taken"), "has a key 'taken'"),
        (("add", "{}", "desk", "--expires", "soon"), "expires: "),
        (("remove", "{}", "desk"), "no key 'desk'"),
        (("list", "{}.not"), "No such file"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    file = str(tmp_path / "keys.json")
    assert main(["keys", "add", file, "taken"]) == 0
    before = Path(file).read_bytes()
    capsys.readouterr()
    assert main(["keys", *(one.format(file) for one in arguments)]) == 2
    assert said in capsys.readouterr().err
    assert Path(file).read_bytes() == before


def test_a_server_does_not_start_with_a_wrong_file(tmp_path: Path) -> None:
    server = serve(tmp_path / "a.db", f"--api-keys={tmp_path / 'keys.json'}")
    _, complaint = server.communicate(timeout=30)
    assert server.returncode == 2
    assert "--api-keys" in complaint
    assert "No such file" in complaint


def test_a_key_may_have_an_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "keys.json")
    assert main(["keys", "add", file, "guest", "--expires", "2027-01-31T12:00:00Z"]) == 0
    assert main(["keys", "add", file, "desk"]) == 0
    capsys.readouterr()
    assert main(["keys", "list", file]) == 0
    printed = capsys.readouterr().out
    assert "2027-01-31 12:00 UTC" in printed
    assert "never" in printed
