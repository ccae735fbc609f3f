"""Questions about AWS's shapes that need the facts alone."""

from errors import Unsupported
from files import referenced
from names import CODECS

PLACES = {"uri": "path", "querystring": "query", "header": "header", "headers": "headers"}
# What rest-json uses where the model names no form: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
TIMESTAMP_FORMS = {"path": "iso8601", "query": "iso8601", "header": "rfc822", "headers": "rfc822"}
NOTHING: dict = {"type": "structure", "members": {}, "required": []}


class Shapes:
    """The shapes of one service."""

    def __init__(self, facts: dict):
        self.all = facts["shapes"]

    def get(self, name: str | None) -> dict:
        """A shape. An operation without input or output has an empty structure in its place."""
        return self.all[name] if name else NOTHING

    def stream(self, shape: dict) -> str | None:
        """The event stream that a request or a response carries."""
        names = (m["shape"] for m in shape["members"].values())
        return next((name for name in names if self.all[name].get("eventstream")), None)

    def payload(self, shape: dict) -> str:
        """What the body of a request or a response is; a value of `Operation.request_payload`."""
        if self.stream(shape):
            return "events"
        payload = shape.get("payload")
        if payload is None:
            return "json" if any("location" not in m for m in shape["members"].values()) else "none"
        kind = self.all[shape["members"][payload]["shape"]]["type"]
        return {"blob": "blob", "string": "blob"}.get(kind, "member")

    def kind(self, shape: dict) -> str:
        """The kind of message that a shape becomes."""
        if shape["type"] == "list":
            return "list"
        is_union = shape.get("union") or shape.get("eventstream") or self.stream(shape)
        return "union" if is_union else "structure"

    def place(self, name: str, reference: dict, shape: dict) -> str:
        """Where a member of a shape is; a value of `Member.place`."""
        if shape.get("payload") == name:
            return "payload"
        location = reference.get("location", "")
        if reference.get("jsonvalue") or location not in ("", *PLACES):
            raise Unsupported(f"the member {name}: its place in the request or response has no rule")
        return PLACES.get(location, "body")

    def codec(self, type_: str, shape_name: str, place: str) -> str:
        """The codec of a field, with the form of a timestamp."""
        codec = CODECS.get(referenced(type_), "")
        if codec == "document" and type_.startswith("repeated "):
            raise Unsupported(f"{shape_name}: a list of documents")
        if codec != "timestamp":
            return codec
        form = self.innermost(shape_name).get("timestampFormat", TIMESTAMP_FORMS.get(place, "unixTimestamp"))
        return f"timestamp.{form}"

    def innermost(self, name: str) -> dict:
        """The shape of the elements of a list or of the values of a map; else the shape itself."""
        shape = self.all[name]
        while shape["type"] in ("list", "map"):
            shape = self.all[shape.get("element") or shape["value"]]
        return shape
