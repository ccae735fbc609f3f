"""Prints deploy/ecs/task-definition.json as a CloudFormation template, so that cfn-lint can check it.

The same object has camelCase keys in ECS's own API and PascalCase keys in CloudFormation. Keys that people choose are not changed.
"""

import json
import pathlib

FREE = {"options"}


def pascal(value):
    if isinstance(value, list):
        return [pascal(item) for item in value]
    if isinstance(value, dict):
        return {k[0].upper() + k[1:]: v if k in FREE else pascal(v) for k, v in value.items()}
    return value


task = json.loads((pathlib.Path(__file__).parents[2] / "deploy/ecs/task-definition.json").read_text())
resource = {"Type": "AWS::ECS::TaskDefinition", "Properties": pascal(task)}
print(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Task": resource}}))
