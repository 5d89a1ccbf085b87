"""Keeps a password in an address, which a flow refuses, out of what Prefect logs and stores before the flow runs.

A deployment's parameters are refused by its schema, before a server keeps them. A flow that is called in Python has its
parameters stored first and checked then, and Prefect logs those that are wrong as they are.
"""

import json
import logging
from typing import Any, TypeVar

from prefect import Flow

from kittidet.masking import masked

F = TypeVar("F", bound="Flow[..., Any]")


def without_passwords(flow: F) -> F:
    """Return the flow, which now shows ``***`` for passwords and tokens wherever Prefect writes its parameters down."""
    plain = flow.serialize_parameters

    def serialize(parameters: dict[str, Any]) -> dict[str, Any]:
        stored: dict[str, Any] = json.loads(masked(json.dumps(plain(parameters))))
        return stored

    setattr(flow, "serialize_parameters", serialize)  # noqa: B010  a method of this one flow
    logging.getLogger("prefect.flows").addFilter(_mask)
    return flow


def _mask(record: logging.LogRecord) -> bool:
    record.msg, record.args = masked(record.getMessage()), ()
    return True
