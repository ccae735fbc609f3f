"""An operation that AWS does not have, with members in body, path, query and headers, both ways."""

import json
import pathlib
import sys

from support import model_of, read_facts, write_model

SHAPES = {
    "RankPassagesRequest": {
        "type": "structure",
        "required": ["collectionId", "passages"],
        "members": {
            "collectionId": {"shape": "RankId", "location": "uri", "locationName": "collectionId"},
            "since": {"shape": "RankTime", "location": "querystring", "locationName": "since"},
            "tagFilters": {"shape": "RankTags", "location": "querystring", "locationName": "tag"},
            "dryRun": {"shape": "RankFlag", "location": "querystring", "locationName": "dryRun"},
            "expectedAfter": {"shape": "RankPlainTime", "location": "header", "locationName": "X-Amzn-After"},
            "costCenter": {"shape": "RankId", "location": "header", "locationName": "X-Amzn-Cost-Center"},
            "labels": {"shape": "RankLabels", "location": "headers", "locationName": "X-Amzn-Label-"},
            "clientToken": {"shape": "RankId", "idempotencyToken": True},
            "passages": {"shape": "RankPassages"},
            "settings": {"shape": "RankSettings"},
            "modelARN": {"shape": "RankId"},
        },
    },
    "RankPassagesResponse": {
        "type": "structure",
        "required": ["scores"],
        "members": {
            "scores": {"shape": "RankScores"},
            "rankedAt": {"shape": "RankPlainTime"},
            "rankerVersion": {"shape": "RankId", "location": "header", "locationName": "X-Amzn-Ranker-Version"},
            "passagesLeft": {"shape": "RankCount", "location": "header", "locationName": "X-Amzn-Passages-Left"},
        },
    },
    "RankId": {"type": "string", "min": 1, "max": 64, "pattern": "[a-z0-9-]+"},
    "RankFlag": {"type": "boolean"},
    "RankCount": {"type": "integer"},
    "RankTime": {"type": "timestamp", "timestampFormat": "iso8601"},
    "RankPlainTime": {"type": "timestamp"},
    "RankTags": {"type": "list", "member": {"shape": "RankId"}, "max": 10},
    "RankLabels": {"type": "map", "key": {"shape": "RankId"}, "value": {"shape": "RankId"}},
    "RankPassages": {"type": "list", "member": {"shape": "RankPassage"}, "min": 1},
    "RankPassage": {
        "type": "structure",
        "union": True,
        "members": {
            "text": {"shape": "RankId"},
            "lines": {"shape": "RankTags"},
            "data": {"shape": "RankBlob"},
            "json": {"shape": "Document"},
            "count": {"shape": "RankCount"},
            "ratio": {"shape": "RankRatio"},
            "writtenAt": {"shape": "RankTime"},
            "group": {"shape": "RankGroup"},
        },
    },
    # A structure that looks like the message of a list.
    "RankGroup": {"type": "structure", "members": {"values": {"shape": "RankTags"}}},
    "RankRatio": {"type": "float"},
    "RankRatios": {"type": "list", "member": {"shape": "RankRatio"}},
    "RankBlob": {"type": "blob", "max": 1000},
    "RankSettings": {
        "type": "structure",
        "required": [],
        "members": {"strategy": {"shape": "RankStrategy"}, "extra": {"shape": "Document"}, "weight": {"shape": "RankWeight"},
                    "ratios": {"shape": "RankRatios"}},
    },
    "RankStrategy": {"type": "string", "enum": ["FAST", "EXACT"]},
    "RankWeight": {"type": "double", "min": 0, "max": 1},
    "RankScores": {"type": "list", "member": {"shape": "RankWeight"}},
}
OPERATION = {
    "http": {"method": "PUT", "requestUri": "/collections/{collectionId}/rank", "responseCode": 202},
    "input": {"shape": "RankPassagesRequest"},
    "output": {"shape": "RankPassagesResponse"},
    "errors": [{"shape": "ValidationException"}],
    "idempotent": True,
}


def write(folder: pathlib.Path) -> None:
    """Writes AWS's models with the operation RankPassages added to the runtime, as botocore's data folder has them."""
    for service in ("bedrock", "bedrock-runtime"):
        model = model_of(read_facts(service))
        if service == "bedrock-runtime":
            model["shapes"] |= json.loads(json.dumps(SHAPES))
            model["operations"]["RankPassages"] = OPERATION
        write_model(folder, service, model)


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
