#!/usr/bin/env python3
"""Load reports (ORCA): grpc-go's weighted round robin sends more calls to the gateway with more room.

    python tests/deploy/orca/orca.py

Needs Go and a built binary.
"""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "clients"))

from support import MODEL, ROOT, Process, gateway, run, simulator  # noqa: E402

FOLDER = pathlib.Path(__file__).parent
CLIENT = ROOT / "target/ci/bin/orca"


def reporting(upstream, capacity):
    """A gateway that reports its load; `capacity` None: one that does not."""
    process = gateway(upstream.url)
    process.process.terminate()
    process.process.wait()
    if capacity:
        process.command += ["--load-report-capacity", str(capacity)]
    environment = {"PATH": "/usr/bin:/bin", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                   "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
                   "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream.url}
    return Process(process.command, process.address, environment), process.target


def shares(capacities, *arguments):
    """How many calls each gateway got."""
    with simulator() as upstream:
        (first, first_target), (second, second_target) = (reporting(upstream, c) for c in capacities)
        with first, second:
            output = subprocess.run([CLIENT, *arguments, first_target, second_target], check=True, capture_output=True, text=True, timeout=120)
    counts = json.loads(output.stdout)
    return counts.get(first_target, 0), counts.get(second_target, 0)


def report_of(capacity):
    """The report in a call's trailers, as grpc-go reads it; None without one."""
    with simulator() as upstream:
        process, target = reporting(upstream, capacity)
        with process:
            output = subprocess.run([CLIENT, "-report", "-model", MODEL, target], check=True, capture_output=True, text=True, timeout=60)
    return json.loads(output.stdout)


def nothing_is_reported_by_default():
    assert report_of(None) is None


def trailers_have_utilization_and_tokens():
    report = report_of(4)
    assert report["applicationUtilization"] == 0.25, report
    assert report["requestCost"]["input_tokens"] > 0 and report["requestCost"]["output_tokens"] > 0, report


def weighted_round_robin_prefers_the_gateway_with_more_room_by_trailers():
    large, small = shares([100, 10])
    assert large > 3 * small > 0, (large, small)


def weighted_round_robin_prefers_the_gateway_with_more_room_out_of_band():
    # A report is the load of one moment each second, so the weights vary more than with one report per call.
    large, small = shares([100, 10], "-oob", "-for", "8s", "-skip", "4s")
    assert large > 1.5 * small > 0, (large, small)


def without_reports_the_shares_are_equal():
    first, second = shares([None, None])
    assert 0.7 < first / second < 1.4, (first, second)


if __name__ == "__main__":
    subprocess.run(["go", "build", "-o", CLIENT, "."], cwd=FOLDER, check=True)
    sys.exit(run([nothing_is_reported_by_default, trailers_have_utilization_and_tokens,
                  weighted_round_robin_prefers_the_gateway_with_more_room_by_trailers,
                  weighted_round_robin_prefers_the_gateway_with_more_room_out_of_band, without_reports_the_shares_are_equal]))
