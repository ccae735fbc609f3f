"""Comments of the .proto files: those that people wrote, and factual ones for the rest.

People write into `docs/SERVICE.toml`: a table for each message, a key for each member of AWS, `_` for the message itself.
AWS's prose is never copied.
"""

import textwrap
import tomllib

import files
from lock import Lock, Member, Message
from shapes import Shapes

WIDTH = 120
ONEOF = "The one member that is set."
UNRECOGNIZED = "Members that this version of the schema does not know, word for word, as one JSON object."
UNRECOGNIZED_MEMBER = (
    "A member that this version of the schema does not know, word for word, as a JSON object with that one member."
)
VALUE_FORM = "Any JSON value, written in place. Its numbers are doubles and its keys reach Bedrock in sorted order."
TEXT_FORM = "`{}` as exact JSON text, with its key order, its 64-bit integers and its spelling of numbers."
FORMS = "`{}` in one of two forms."
REMOVED = "AWS's model does not have this any more, since version {} of the schema."


class Comments:
    """The comments of one service."""

    def __init__(self, lock: Lock, facts: dict, docs: str):
        self.lock = lock
        self.shapes = Shapes(facts)
        self.docs = tomllib.loads(docs)

    def service(self) -> str:
        return self._written("service", "_") or f"{self.lock.service['aws']}, an AWS service."

    def operation(self, name: str) -> str:
        return self._written("operations", name) or f"AWS's operation {name}.\n\nAWS's reference: {self._link(name)}"

    def message(self, message: Message) -> str:
        text = self._written(message.name, "_") or self._factual_message(message)
        return _append_removal(text, message.removed)

    def member(self, message: Message, member: Member) -> str:
        text = self._written(message.name, member.name) or self._factual_member(message, member)
        return _append_removal(text, member.removed)

    def oneof(self, message: Message) -> str:
        """The comment of a union's oneof; `member` in the docs file, where a union needs its own."""
        return self._written(message.name, "member") or ONEOF

    def unused(self) -> list[str]:
        """Keys of the docs file that no message and no member has."""
        found = []
        for table, keys in self.docs.items():
            message = self.lock.messages.get(table)
            for key in keys:
                if table == "operations":
                    known = key in self.lock.operations
                else:
                    known = key in ("_", "member") and (table == "service" or message) or message and message.member(key)
                if not known:
                    found.append(f"{table}.{key}")
        return found

    def unnamed_values(self) -> list[str]:
        """Values of AWS's vocabularies that the comment of a member does not name."""
        found = []
        for message in self.lock.messages.values():
            for member in message.members:
                text = self._written(message.name, member.name) or ""
                if "Known values" in text:
                    missing = [v for v in self._fact(message, member).get("enum", []) if f"`{v}`" not in text]
                    found += [f"{message.name}.{member.name}: {value}" for value in missing]
        return found

    def _written(self, table: str, key: str) -> str | None:
        text = self.docs.get(table, {}).get(key)
        return None if text is None else text.strip("\n")

    def _link(self, operation: str) -> str:
        return self.lock.service["reference"].format(operation=operation)

    def _factual_message(self, message: Message) -> str:
        for operation in self.lock.operations.values():
            if message.name == operation.request:
                return f"The request of {operation.name}.\n\nAWS's reference: {self._link(operation.name)}"
            if message.name == operation.response:
                what = "One event of the response" if operation.response_payload == "events" else "The response"
                return f"{what} of {operation.name}."
        if message.kind == "list":
            item = files.referenced(message.members[0].type)
            return f"A list of {item}. In Bedrock's JSON it is a plain list."
        return f"AWS's {'union' if message.kind == 'union' else 'structure'} {message.shape}."

    def _shape(self, message: Message) -> dict:
        return self.shapes.all.get(message.shape, {})

    def _fact(self, message: Message, member: Member) -> dict:
        """AWS's facts about the values of a member; of the elements, if it is a list or a map."""
        shape = self._shape(message)
        for reference in shape.get("members", {}).values():
            inner = self.shapes.get(reference["shape"])
            if inner.get("eventstream") and member.name in inner["members"]:
                shape = inner
        reference = shape.get("members", {}).get(member.name)
        return self.shapes.innermost(reference["shape"]) if reference else {}

    def _factual_member(self, message: Message, member: Member) -> str:
        if message.kind == "list":
            return "The items, in order."
        fact = self._fact(message, member)
        reference = self._shape(message).get("members", {}).get(member.name)
        whole = self.shapes.get(reference["shape"]) if reference else fact
        parts = [f"AWS's member `{member.name}`."]
        if member.required:
            parts.append("Required.")
        if whole.get("type") in ("list", "map") and (limits := _limits(whole, "entries")):
            parts.append(f"{limits}.")
        unit = {"string": "characters", "blob": "bytes"}.get(fact.get("type", ""), "")
        if fact.get("type") not in ("structure", "document", "timestamp") and (limits := _limits(fact, unit)):
            parts.append(f"{limits}.")
        if fact.get("enum"):
            parts.append("Known values: " + ", ".join(f"`{value}`" for value in fact["enum"]) + ".")
        if fact.get("type") == "blob" and message.kind != "list":
            parts.append("Raw bytes here (base64 only in JSON).")
        return " ".join(parts)


def _limits(fact: dict, unit: str) -> str:
    """`1 to 2048 characters`, `At most 10 entries`, or nothing."""
    low, high = fact.get("min"), fact.get("max")
    if low is None and high is None:
        return ""
    tail = f" {unit}" if unit else ""
    if high is None:
        return f"At least {low:,}{tail}" if low else ""
    return f"{low:,} to {high:,}{tail}" if low else f"At most {high:,}{tail}"


def _append_removal(text: str, removed: str) -> str:
    return f"{text}\n\n{REMOVED.format(removed)}" if removed else text


def lines(text: str, indent: str) -> list[str]:
    """The text as comment lines. Lines that are too long are wrapped; others stay as people broke them."""
    found = []
    for line in text.split("\n"):
        width = WIDTH - len(indent) - 3
        wrapped = textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
        found += [f"{indent}// {part}".rstrip() for part in wrapped]
    return found
