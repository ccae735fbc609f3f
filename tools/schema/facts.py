"""AWS's model of one service, reduced to facts: names, kinds, places and limits. AWS's prose is left out.

The facts are kept in `facts/SERVICE.json`, so that the schema can be generated without botocore, and so that the tests
compare the schema with AWS's model and not with the lock that it was generated from.
"""

import gzip
import json
import pathlib

SHAPE_KEYS = ("union", "eventstream", "exception", "sensitive", "min", "max", "pattern", "timestampFormat", "payload")
MEMBER_KEYS = ("location", "locationName", "idempotencyToken", "deprecated", "jsonvalue")
OPERATION_KEYS = ("readonly", "idempotent", "deprecated")


def read_model(data: pathlib.Path, service: str) -> dict:
    """The newest model of a service in botocore's `data` folder."""
    versions = sorted(path for path in (data / service).iterdir() if path.is_dir())
    for path in (versions[-1] / "service-2.json.gz", versions[-1] / "service-2.json"):
        if path.exists():
            raw = path.read_bytes()
            return json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    raise SystemExit(f"{versions[-1]} has no service-2.json")


def extract(model: dict, source: str, wanted) -> dict:
    """The facts of the operations for which `wanted(name)` is true, and of the shapes that they reach."""
    operations = {name: _operation(o) for name, o in sorted(model["operations"].items()) if wanted(name)}
    shapes: dict = {}
    for operation in operations.values():
        for name in (operation["input"], operation["output"], *operation["errors"]):
            if name:
                _reach(model["shapes"], name, shapes)
    metadata = model["metadata"]
    service = {key: metadata[key] for key in ("apiVersion", "serviceId", "endpointPrefix", "protocol")}
    service["signingName"] = metadata.get("signingName", metadata["endpointPrefix"])
    return {"source": source, "service": service, "operations": operations, "shapes": dict(sorted(shapes.items()))}


def _operation(operation: dict) -> dict:
    fact = {
        "method": operation["http"]["method"],
        "uri": operation["http"]["requestUri"],
        "status": operation["http"].get("responseCode", 200),
        "input": operation.get("input", {}).get("shape"),
        "output": operation.get("output", {}).get("shape"),
        "errors": sorted(error["shape"] for error in operation.get("errors", [])),
    }
    return fact | {key: operation[key] for key in OPERATION_KEYS if key in operation}


def _reach(shapes: dict, name: str, found: dict) -> None:
    if name in found:
        return
    shape = shapes[name]
    fact = {"type": "document" if shape.get("document") else shape["type"]}
    found[name] = fact
    fact |= {key: shape[key] for key in SHAPE_KEYS if key in shape}
    if "enum" in shape:
        fact["enum"] = shape["enum"]
    if "httpStatusCode" in shape.get("error", {}):
        fact["status"] = shape["error"]["httpStatusCode"]
    if fact["type"] == "structure":
        fact["members"] = {}
        for member, reference in shape["members"].items():
            kept = {key: reference[key] for key in MEMBER_KEYS if key in reference}
            fact["members"][member] = {"shape": reference["shape"], **kept}
            _reach(shapes, reference["shape"], found)
        fact["required"] = shape.get("required", [])
    for key, reference in (("element", "member"), ("key", "key"), ("value", "value")):
        if reference in shape:
            fact[key] = shape[reference]["shape"]
            _reach(shapes, fact[key], found)


def members(facts: dict) -> set[str]:
    """All operations and members, as `Shape.member`, for a list of what two models do not share."""
    found = {f"operation {name}" for name in facts["operations"]}
    return found | {f"{shape}.{name}" for shape, fact in facts["shapes"].items() for name in fact.get("members", {})}


def values(facts: dict) -> set[str]:
    """All known values of vocabularies, as `Shape: VALUE`."""
    return {f"{shape}: {value}" for shape, fact in facts["shapes"].items() for value in fact.get("enum", [])}


def dump(facts: dict) -> str:
    """The facts file's text."""
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
