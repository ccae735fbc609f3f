#!/usr/bin/env python3
"""Writes tests/aws_model.json: the facts of AWS's own model of bedrock-runtime that the schema is held against.

Names and kinds only. The source is the service model that botocore ships; install the newest botocore and run

    python3 tests/aws_model.py            # rewrite the list
    python3 tests/aws_model.py --check    # exit 1 and say what is new, when AWS has moved on
"""
import gzip
import json
import pathlib
import sys

import botocore

FACTS = pathlib.Path(__file__).with_name("aws_model.json")
MODEL = pathlib.Path(botocore.__file__).parent / "data/bedrock-runtime/2023-09-30/service-2.json.gz"


def member(name, reference, shape):
    fact = {"shape": reference["shape"]}
    if "location" in reference:
        fact["location"] = reference["location"]
    if name == shape.get("payload"):
        fact["location"] = "payload"
    return fact


def facts(model):
    shapes = {}
    for name, shape in sorted(model["shapes"].items()):
        fact = {"type": "document" if shape.get("document") else shape["type"]}
        for mark in ("union", "eventstream", "exception"):
            if shape.get(mark):
                fact[mark] = True
        if shape["type"] == "structure" and not shape.get("document"):
            fact["members"] = {k: member(k, v, shape) for k, v in shape["members"].items()}
            fact["required"] = shape.get("required", [])
        elif shape["type"] == "list":
            fact["element"] = shape["member"]["shape"]
        elif shape["type"] == "map":
            fact["value"] = shape["value"]["shape"]
        shapes[name] = fact
    operations = {
        name: {"input": o["input"]["shape"], "output": o["output"]["shape"], "method": o["http"]["method"]}
        for name, o in sorted(model["operations"].items())
    }
    return {"source": f"botocore {botocore.__version__}, bedrock-runtime 2023-09-30", "operations": operations, "shapes": shapes}


def members(f):
    found = {(op, "operation") for op in f["operations"]}
    return found | {(shape, m) for shape, s in f["shapes"].items() for m in s.get("members", {})}


def main():
    new = facts(json.load(gzip.open(MODEL)))
    if "--check" not in sys.argv:
        lines = json.dumps(new, indent=1)
        FACTS.write_text(lines + "\n")
        return
    old = json.loads(FACTS.read_text())
    news, gone = sorted(members(new) - members(old)), sorted(members(old) - members(new))
    for what, list_ in (("new", news), ("gone", gone)):
        for shape, name in list_:
            print(f"{what} in {new['source']}: {shape}.{name}")
    sys.exit(1 if news or gone else 0)


if __name__ == "__main__":
    main()
