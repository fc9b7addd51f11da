"""The rules of the request's fields, before the handler sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from roomd_server.api.validation import check, plan_for, refusal


def validator(message_type: type[Message]) -> Callable[[Message], None]:
    """Build the check for one request type; it raises ``InvalidArgument`` (VALIDATION) with
    every broken rule.

    The rules are compiled now, so that a bad one stops the server and not the first call.
    """
    plan_for(cast("Descriptor", message_type.DESCRIPTOR))

    def validate(message: Message) -> None:
        violations = check(message)
        if violations:
            raise refusal(violations)

    return validate
