"""Writes JSON schemas of custom resources for kubeconform: crd_schemas.py FOLDER FILE...

Each FILE has CustomResourceDefinitions in YAML. A version of a kind becomes FOLDER/group/kind_version.json. An object without
`additionalProperties` gets `additionalProperties: false`, so that a misspelled key is an error, as the API server's strict
validation reports it.
"""

import json
import pathlib
import sys

import yaml


def strict(schema):
    """The schema with unknown keys forbidden, and with CRD markers in the words of JSON Schema."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: strict(value) for key, value in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource")
    if isinstance(schema.get("properties"), dict) and not open_ended:
        out.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        out.pop("type", None)
        out.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    # Go's formats, which JSON Schema validators do not know.
    out.pop("format", None) if isinstance(schema.get("format"), str) else None
    return out


def main(folder, files):
    written = 0
    for file in files:
        # Charts of definitions have template lines around them.
        text = "\n".join(line for line in pathlib.Path(file).read_text().splitlines() if not line.startswith("{{"))
        for document in yaml.load_all(text, yaml.CSafeLoader):
            if not document or document.get("kind") != "CustomResourceDefinition":
                continue
            spec = document["spec"]
            for version in spec["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema.setdefault("properties", {}).update(
                    apiVersion={"type": "string"}, kind={"type": "string"}, metadata={"type": "object"}
                )
                path = pathlib.Path(folder, spec["group"], f"{spec['names']['kind'].lower()}_{version['name']}.json")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(schema))
                written += 1
    print(f"{written} schemas of custom resources")
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
