"""The lock file: what each message, field and operation of the schema is, for ever.

It is append-only. Numbers, names, types, places and files never change; what AWS removes stays and gets `removed`.
"""

import tomllib
from dataclasses import dataclass, field, fields
from typing import Any

HEADER = """\
# Written by tools/schema. Do not edit by hand, apart from [service] and [options].
# Append-only: a number, a name, a type, a place or a file never changes, and what AWS removes stays, with `removed`.
# Field numbers: 1 to 99, and from 200, for the members of AWS; 100 for `unrecognized`; 101 to 199 for the gateway.
"""


@dataclass
class Member:
    """A member of an AWS shape, and the field that it is."""

    name: str
    number: int
    type: str
    codec: str = ""  # the codec's module, with the timestamp's form after a dot; empty: none is needed
    text: int = 0  # the number of the field with a document's exact JSON text
    place: str = "body"  # body, payload, path, query, header, headers (a map of headers with one prefix)
    wire: str = ""  # the name in the path, the query or the header
    required: bool = False
    token: bool = False  # an idempotency token
    min: float | None = None  # of the length of text, or of a number; only for members outside of the body
    max: float | None = None
    pattern: str = ""
    since: str = ""
    removed: str = ""


@dataclass
class Message:
    """A protobuf message, and the AWS shape that it is."""

    name: str
    shape: str
    kind: str  # structure, union, list
    file: str
    since: str
    removed: str = ""
    unrecognized: bool = True  # whether it has field 100
    twin: str = ""  # the message whose numbers it shares
    members: list[Member] = field(default_factory=list)

    def member(self, name: str) -> Member | None:
        return next((m for m in self.members if m.name == name), None)


@dataclass
class Operation:
    """An operation of AWS, and the RPC that it is."""

    name: str
    method: str
    uri: str
    request: str
    response: str
    request_payload: str  # none, json, member (one member is the JSON), blob, events
    response_payload: str
    status: int = 200
    read_only: bool = False
    idempotent: bool = False
    stream_headers: list[str] = field(default_factory=list)  # headers of a streamed response that no field has
    since: str = ""
    removed: str = ""


@dataclass
class Lock:
    """One AWS service's schema."""

    service: dict[str, Any]
    options: dict[str, str]
    operations: dict[str, Operation] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)

    def wants(self, operation: str) -> bool:
        """Whether the schema has this operation of AWS."""
        wanted = self.service["operations"]
        return wanted == "all" or operation in wanted


def loads(text: str) -> Lock:
    """Reads a lock file."""
    data = tomllib.loads(text)
    lock = Lock(data["service"], data["options"])
    for name, row in data.get("operation", {}).items():
        lock.operations[name] = Operation(name=name, **row)
    for name, row in data.get("message", {}).items():
        members = [Member(**member) for member in row.pop("members")]
        lock.messages[name] = Message(name=name, members=members, **row)
    return lock


def dumps(lock: Lock) -> str:
    """Writes a lock file, with one line for each member, so that a change is one line of a diff."""
    lines = [HEADER, "[service]", *_rows(lock.service), "", "[options]", *_rows(lock.options)]
    for operation in lock.operations.values():
        lines += ["", f"[operation.{operation.name}]", *_rows(_set_fields(operation, "name"))]
    for message in lock.messages.values():
        lines += ["", f"[message.{message.name}]", *_rows(_set_fields(message, "name", "members")), "members = ["]
        for member in message.members:
            cells = ", ".join(f"{key} = {_value(value)}" for key, value in _set_fields(member).items())
            lines.append(f"  {{ {cells} }},")
        lines.append("]")
    return "\n".join(lines) + "\n"


def _set_fields(row: Any, *without: str) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults."""
    given = {f.name: getattr(row, f.name) for f in fields(row) if f.name not in without}
    defaults = {f.name: f.default for f in fields(row)}
    return {key: value for key, value in given.items() if value != defaults[key] and value != []}


def _rows(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if "'" not in value and "\\" in value:
        return f"'{value}'"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
