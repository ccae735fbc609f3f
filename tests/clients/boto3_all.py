#!/usr/bin/env python3
"""Runs each boto3_simulator*.py with its own simulator.

    python tests/clients/boto3_all.py
"""

import pathlib
import subprocess
import sys

from support import simulator


def main():
    failed = 0
    for script in sorted(pathlib.Path(__file__).parent.glob("boto3_simulator*.py")):
        print(f"-- {script.name}", flush=True)
        with simulator() as bedrock:
            failed |= subprocess.call([sys.executable, script, bedrock.url])
    return failed


if __name__ == "__main__":
    sys.exit(main())
