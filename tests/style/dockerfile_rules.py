"""What a Dockerfile of this project may hold, as a function from its text to its faults."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

INSTRUCTIONS = {
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "RUN",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
}
"""Those in use or harmless. ``ADD`` is not: it fetches from the network and unpacks."""


def instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction with its arguments, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    pairs = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    return [(name.upper(), rest.strip()) for name, _, rest in pairs]


def words(steps: list[tuple[str, str]], name: str) -> list[str]:
    """The words of the last ``ENTRYPOINT`` or ``CMD``.

    Raises:
        ValueError: it is not in the exec form, and a shell would swallow signals.
    """
    given = [rest for one, rest in steps if one == name]
    return [str(word) for word in json.loads(given[-1])] if given else []


def faults(text: str, root: Path) -> list[str]:
    """What is wrong with a Dockerfile whose context is the folder ``root``."""
    steps = instructions(text)
    found = [f"unknown instruction {name}" for name, _ in steps if name not in INSTRUCTIONS]
    if not steps or steps[0][0] not in ("FROM", "ARG"):
        found.append("it begins with FROM")
    found += _faults_of_images(steps)
    found += _faults_of_copies(steps, root)
    for name, rest in steps:
        pip = name == "RUN" and re.search(r"\bpip3? (install|wheel|download)\b", rest)
        if pip and "--no-cache-dir" not in rest:
            found.append(f"pip without --no-cache-dir: {rest}")
        if name in ("ENTRYPOINT", "CMD") and not rest.startswith("["):
            found.append(f"{name} in the shell form does not pass SIGTERM on")
        if name in ("ENV", "ARG") and re.search(r"KEY|SECRET|TOKEN|PASSWORD", rest.upper()):
            found.append(f"a secret in the image: {name} {rest.partition('=')[0]}")
    return [*found, *_faults_of_the_user(steps)]


def _faults_of_images(steps: list[tuple[str, str]]) -> Iterator[str]:
    stages: set[str] = set()
    for name, rest in steps:
        if name != "FROM":
            continue
        match = re.fullmatch(r"(\S+)(?: AS (\w+))?", rest, re.IGNORECASE)
        image = match[1] if match else rest
        if image not in stages:
            _, colon, tag = image.rpartition(":")
            if not colon or not re.match(r"\d", tag):
                yield f"an image without a version: {image}"
            if "." in image.partition("/")[0] and "/" in image:
                yield f"an image that names its registry: {image}"
        if match and match[2]:
            stages.add(match[2])


def _faults_of_copies(steps: list[tuple[str, str]], root: Path) -> Iterator[str]:
    for name, rest in steps:
        if name != "COPY" or "--from=" in rest:
            continue
        for source in [word for word in rest.split() if not word.startswith("--")][:-1]:
            if not list(root.glob(source.rstrip("/"))):
                yield f"COPY of what is not there: {source}"


def _faults_of_the_user(steps: list[tuple[str, str]]) -> Iterator[str]:
    last_stage = max((i for i, (name, _) in enumerate(steps) if name == "FROM"), default=0)
    final = steps[last_stage:]
    users = [i for i, (name, _) in enumerate(final) if name == "USER"]
    if not users or final[users[-1]][1].partition(":")[0] in ("root", "0"):
        yield "the last USER is root"
    elif any(name in ("RUN", "COPY") for name, _ in final[users[-1] :]):
        yield "RUN or COPY after the last USER: its files belong to the wrong one"
