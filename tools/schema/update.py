"""Brings a lock up to date with AWS's facts: new operations, messages and members are added, nothing is moved."""

import copy

import files
import numbering
from errors import Unsupported
from lock import Lock, Member, Message, Operation
from names import SCALARS, snake_case
from shapes import Shapes


class Update:
    """One run over one service."""

    def __init__(self, lock: Lock, facts: dict, since: str):
        self.lock = copy.deepcopy(lock)
        self.facts = facts
        self.shapes = Shapes(facts)
        self.since = since
        self.changes: list[str] = []
        self.new: list[str] = []
        self.visited: set[str] = set()

    def run(self) -> Lock:
        """The lock with everything that the facts have."""
        service = self.facts["service"]
        self.lock.service["id"] = service["serviceId"]
        self.lock.service["endpoint_prefix"] = service["endpointPrefix"]
        self.lock.service["signing_name"] = service["signingName"]
        for name, fact in self.facts["operations"].items():
            self._operation(name, fact)
        for name, operation in self.lock.operations.items():
            if name not in self.facts["operations"]:
                self._remove(operation, f"operation {name}")
        for message in self.lock.messages.values():
            if message.name not in self.visited:
                self._remove(message, f"message {message.name}")
        files.place(self.lock, self.new)
        return self.lock

    def _remove(self, row: Operation | Message | Member, what: str) -> None:
        if not row.removed:
            row.removed = self.since
            self.changes.append(f"{what} is not in AWS's model any more")

    def _operation(self, name: str, fact: dict) -> None:
        request, response = self.shapes.get(fact["input"]), self.shapes.get(fact["output"])
        stream = self.shapes.stream(response)
        row = Operation(
            name=name,
            method=fact["method"],
            uri=fact["uri"],
            request=f"{name}Request",
            response=f"{name}Response",
            request_payload=self.shapes.payload(request),
            response_payload=self.shapes.payload(response),
            status=fact["status"],
            read_only=fact.get("readonly", False),
            idempotent=fact.get("idempotent", False),
            stream_headers=[m["locationName"] for m in response["members"].values() if stream and "location" in m],
            since=self.since,
        )
        old = self.lock.operations.get(name)
        if old is None:
            self.changes.append(f"operation {name} is new")
        else:
            row.since = old.since
            _keep(f"operation {name}", old, row, ("request_payload", "response_payload"))
        self.lock.operations[name] = row
        self._message(row.request, fact["input"], file=snake_case(name))
        self._message(row.response, stream or fact["output"], file=snake_case(name))

    def _message(self, name: str, shape_name: str | None, file: str = "") -> str:
        """Adds or completes the message of a shape. Returns its name."""
        if name in self.visited:
            return name
        self.visited.add(name)
        shape = self.shapes.get(shape_name)
        message = self.lock.messages.get(name) or self._new_message(name, shape_name, shape, file)
        message.removed = ""
        if message.kind == "list":
            self._member(message, "values", {"shape": shape_name}, shape, False)
            return name
        present = set()
        for member, reference in shape["members"].items():
            target = self.shapes.get(reference["shape"])
            # A stream of requests: each message has one event, and the members outside the stream.
            inner = target["members"] if target.get("eventstream") else {member: reference}
            for name_, reference_ in inner.items():
                if not self.shapes.get(reference_["shape"]).get("exception"):  # a status, never a message
                    present.add(name_)
                    self._member(message, name_, reference_, shape, name_ in shape["required"])
        for member in message.members:
            if member.name not in present:
                self._remove(member, f"{name}.{member.name}")
        return name

    def _new_message(self, name: str, shape_name: str | None, shape: dict, file: str) -> Message:
        message = Message(name, shape_name or "", self.shapes.kind(shape), file, self.since)
        # A request without a JSON body is not JSON, so it has no field for unknown members.
        is_top = any(name in (o.request, o.response) for o in self.lock.operations.values())
        is_json = not is_top or self.shapes.payload(shape) == "json"
        message.unrecognized = message.kind == "union" or message.kind == "structure" and is_json
        self.lock.messages[name] = message
        self.new.append(name)
        self.changes.append(f"message {name} is new")
        return message

    def _member(self, message: Message, name: str, reference: dict, shape: dict, required: bool) -> None:
        target = self.shapes.get(reference["shape"])
        place = self.shapes.place(name, reference, shape)
        in_oneof = message.kind == "union" and place == "body"
        row = Member(name, 0, self._type(reference["shape"], in_oneof), place=place, required=required, since=self.since)
        row.codec = self.shapes.codec(row.type, reference["shape"], place)
        row.token = reference.get("idempotencyToken", False)
        if place not in ("body", "payload"):
            row.wire = reference["locationName"]
            row.min, row.max, row.pattern = target.get("min"), target.get("max"), target.get("pattern", "")
        elif reference.get("locationName", name) != name:
            raise Unsupported(f"{message.name}.{name}: a member of a body with another name on the wire")
        old = message.member(name)
        if old is None:
            row.number = numbering.next_number(self.lock, message, name)
            row.text = numbering.next_text_number(self.lock, message, name) if row.codec == "document" else 0
            message.members.append(row)
            if message.name not in self.new:
                self.changes.append(f"{message.name}.{name} is new")
            return
        row.number, row.text, row.since = old.number, old.text, old.since
        _keep(f"{message.name}.{name}", old, row, ("type", "codec", "place"))
        message.members[message.members.index(old)] = row

    def _type(self, shape_name: str, in_oneof: bool) -> str:
        """The field's type. A list in a oneof is a message of its own, because a oneof has no repeated fields."""
        shape = self.shapes.get(shape_name)
        if shape["type"] == "list" and not in_oneof:
            return f"repeated {self._single(shape['element'])}"
        if shape["type"] == "map" and not in_oneof:
            if self.shapes.get(shape["key"])["type"] != "string":
                raise Unsupported(f"{shape_name}: a map whose keys are not strings")
            return f"map<string, {self._single(shape['value'])}>"
        return self._single(shape_name)

    def _single(self, shape_name: str) -> str:
        shape = self.shapes.get(shape_name)
        if shape["type"] == "map":
            raise Unsupported(f"{shape_name}: a map in a list, a map or a union")
        if shape["type"] in ("structure", "list"):
            return self._message(shape_name, shape_name)
        return SCALARS[shape["type"]]


def _keep(what: str, old: Operation | Member, new: Operation | Member, keys: tuple[str, ...]) -> None:
    """These properties of a field or an RPC are fixed by its first release."""
    for key in keys:
        if getattr(old, key) != getattr(new, key):
            was, now = getattr(old, key) or "none", getattr(new, key) or "none"
            raise Unsupported(f"{what}: AWS changed its {key} from {was} to {now}. The schema cannot follow; see docs/schema.md")
