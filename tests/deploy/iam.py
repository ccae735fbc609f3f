"""Checks deploy/iam: every RPC is named, every policy grants what the page says, and AWS knows each action and resource.

AWS's list of actions and of their resource types is the one that cfn-lint ships.
"""

import json
import pathlib
import re
import sys

import cfnlint.data.AdditionalSpecs as specs

ROOT = pathlib.Path(__file__).parents[2]
IAM = ROOT / "deploy" / "iam"
SERVICES = json.loads((pathlib.Path(specs.__file__).parent / "Policies.json").read_text())
problems = []


def listed(value):
    return value if isinstance(value, list) else [value]


def known_actions():
    """Action in lower case -> the resource types that it may be limited to."""
    known = {}
    for prefix, service in SERVICES.items():
        for action, facts in service["Actions"].items():
            known[f"{prefix}:{action}".lower()] = facts.get("Resources", [])
    return known


def grants(policy):
    """The actions that a policy allows."""
    return {a for s in policy["Statement"] if s["Effect"] == "Allow" for a in listed(s["Action"])}


def resource_type(arn):
    """`foundation-model` in arn:aws:bedrock:us-east-1::foundation-model/x."""
    return arn.split(":", 5)[5].split("/", 1)[0]


def check_statement(name, statement, known):
    for action in listed(statement["Action"]):
        if "*" in action:
            problems.append(f"{name}: {action} is a pattern; name each action")
            continue
        if action.lower() not in known:
            problems.append(f"{name}: AWS has no action {action}")
            continue
        if "Resource" not in statement or not action.startswith("bedrock:"):
            continue
        types = known[action.lower()]
        for resource in listed(statement["Resource"]):
            if resource == "*":
                if types and "Principal" not in statement:
                    problems.append(f"{name}: {action} can be limited to {types}, but the policy has *")
            elif resource_type(resource) not in types:
                problems.append(f"{name}: {action} takes {types or 'only *'}, not {resource}")


def main():
    known = known_actions()
    policies = {file.stem: json.loads(file.read_text()) for file in sorted(IAM.glob("*.json"))}
    for name, policy in policies.items():
        if policy.get("Version") != "2012-10-17":
            problems.append(f"{name}: Version is not 2012-10-17")
        for statement in policy["Statement"]:
            check_statement(name, statement, known)

    page = (IAM / "README.md").read_text()
    rows = {}
    for rpc, actions, policy in re.findall(r"^\| `(\w+)`[^|]* \| ([^|]*) \| \[([\w-]+)\]\(\3\.json\) \|$", page, re.M):
        rows[rpc] = (re.findall(r"`([a-z0-9]+:\w+)`", actions), policy)
    rpcs = {
        rpc
        for file in (ROOT / "proto" / "bedrock").rglob("*_service.proto")
        for rpc in re.findall(r"^\s*rpc (\w+)\(", file.read_text(), re.M)
    }
    for rpc in sorted(rpcs - rows.keys()):
        problems.append(f"README.md: the RPC {rpc} has no row")
    for rpc in sorted(rows.keys() - rpcs):
        problems.append(f"README.md: there is no RPC {rpc}")
    for rpc, (actions, policy) in rows.items():
        missing = set(actions) - grants(policies.get(policy, {"Statement": []}))
        if missing or not actions:
            problems.append(f"{policy}.json: {rpc} needs {sorted(missing) or 'an action'}")
    for name in policies:
        if f"({name}.json)" not in page:
            problems.append(f"README.md does not mention {name}.json")

    for problem in problems:
        print("FAILED", problem)
    print(f"iam: {len(rpcs)} RPCs, {len(policies)} policies, {len(problems)} problems")
    return 1 if problems or not rpcs else 0


if __name__ == "__main__":
    sys.exit(main())
