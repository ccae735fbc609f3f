"""Names: Maps AWS's members to protobuf fields, and AWS's scalar kinds to protobuf types."""

import re

SCALARS = {
    "string": "string",
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float",
    "double": "double",
    "blob": "bytes",
    "timestamp": "google.protobuf.Timestamp",
    "document": "google.protobuf.Value",
}

# The module of the codec that a type needs. Other types need no codec.
CODECS = {
    "int32": "integer",
    "int64": "integer",
    "float": "float",
    "double": "float",
    "bytes": "blob",
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Value": "document",
}


def snake_case(name: str) -> str:
    """`additionalModelRequestFields` becomes `additional_model_request_fields`, `modelARN` becomes `model_arn`."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).replace("-", "_").lower()


def json_name(field: str) -> str:
    """The JSON name that protobuf gives a field by default."""
    return re.sub(r"_(.)", lambda match: match[1].upper(), field)


def camel_case(name: str) -> str:
    """`invoke_model` becomes `InvokeModel`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def text_field(member: str) -> str:
    """The field that has a document as exact JSON text."""
    return "json_text" if member == "json" else f"{snake_case(member)}_json"
