"""What the tests share: a copy of the project, and AWS's model rebuilt from the facts."""

import copy
import json
import pathlib
import shutil
import sys
import tempfile

TOOL = pathlib.Path(__file__).parents[1]
ROOT = TOOL.parents[1]
sys.path.insert(0, str(TOOL))


def copy_project(folder: pathlib.Path) -> pathlib.Path:
    """What the tool reads and writes, in another folder."""
    shutil.copytree(ROOT / "proto", folder / "proto")
    for part in ("facts", "docs"):
        shutil.copytree(TOOL / part, folder / "tools/schema" / part)
    shutil.copy(ROOT / "Cargo.toml", folder)
    return folder


def temporary_project(test) -> pathlib.Path:
    """A copy of the project that is deleted when the test ends."""
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    return copy_project(pathlib.Path(folder.name))


def read_facts(service: str) -> dict:
    return json.loads((TOOL / f"facts/{service}.json").read_text())


def model_of(facts: dict) -> dict:
    """A model as botocore has it, with exactly these facts."""
    shapes = {}
    for name, fact in facts["shapes"].items():
        shape = copy.deepcopy(fact)
        if shape["type"] == "document":
            shape |= {"type": "structure", "document": True, "members": {}}
        for key, reference in (("element", "member"), ("key", "key"), ("value", "value")):
            if key in shape:
                shape[reference] = {"shape": shape.pop(key)}
        if "status" in shape:
            shape["error"] = {"httpStatusCode": shape.pop("status")}
        shapes[name] = shape
    operations = {}
    for name, fact in facts["operations"].items():
        operation = {key: fact[key] for key in ("readonly", "idempotent", "deprecated") if key in fact}
        operation["http"] = {"method": fact["method"], "requestUri": fact["uri"], "responseCode": fact["status"]}
        operation["errors"] = [{"shape": error} for error in fact["errors"]]
        for key in ("input", "output"):
            if fact[key]:
                operation[key] = {"shape": fact[key]}
        operations[name] = operation
    service = dict(facts["service"])
    return {"metadata": service, "operations": operations, "shapes": shapes}


def write_model(folder: pathlib.Path, service: str, model: dict) -> None:
    """Writes a model where botocore's data folder has it."""
    path = folder / service / model["metadata"]["apiVersion"]
    path.mkdir(parents=True, exist_ok=True)
    (path / "service-2.json").write_text(json.dumps(model))
