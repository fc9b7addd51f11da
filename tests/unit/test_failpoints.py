"""Failpoints: what is accepted, and which hit ends the process."""

from __future__ import annotations

import pytest

from roomd_server.api.fronts import StartupError
from roomd_server.failpoints import POINTS, Failpoints, from_environment
from roomd_server.wiring import start_embedded

TEST_BUILD = {"ROOMD_TEST_BUILD": "1"}


def test_nothing_is_on_by_itself() -> None:
    assert from_environment({}) is None
    assert from_environment(TEST_BUILD) is None


def test_they_are_refused_outside_of_a_test_build() -> None:
    with pytest.raises(StartupError, match="ROOMD_TEST_BUILD=1"):
        from_environment({"ROOMD_FAILPOINTS": "commit.after=kill@1"})


@pytest.mark.parametrize(
    "text",
    ["commit.afterwards=kill@1", "commit.after", "commit.after=sleep@1", "commit.after=kill@0"],
)
def test_what_is_unknown_is_refused(text: str) -> None:
    with pytest.raises(StartupError, match=r"commit\.before"):
        from_environment({**TEST_BUILD, "ROOMD_FAILPOINTS": f"lane.taken=kill@2,{text}"})


def test_they_are_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    text = ", ".join(f"{point}=kill@17" for point in POINTS)
    assert from_environment({**TEST_BUILD, "ROOMD_FAILPOINTS": text}) is not None
    assert "FAILPOINTS ARE ON" in caplog.text


def test_the_chosen_hit_ends_the_process_and_no_other() -> None:
    ended: list[str] = []
    points = Failpoints({"commit.after": 3}, end=lambda: ended.append("killed"))
    for _ in range(2):
        points.hit("commit.after")
        points.hit("commit.before")
    points.hit("commit.before")
    assert not ended
    points.hit("commit.after")
    assert ended == ["killed"]
    points.hit("commit.after")
    assert ended == ["killed"]


async def test_without_them_nothing_is_around_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROOMD_FAILPOINTS", raising=False)
    made: list[object] = []
    monkeypatch.setattr(Failpoints, "__init__", lambda self, *_: made.append(self))
    embedded = await start_embedded()
    await embedded.stop()
    assert made == []


async def test_a_server_does_not_start_with_them_outside_of_a_test_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROOMD_FAILPOINTS", "ack.before=kill@1")
    monkeypatch.delenv("ROOMD_TEST_BUILD", raising=False)
    with pytest.raises(StartupError, match="ROOMD_TEST_BUILD"):
        await start_embedded()
