#!/usr/bin/env python3
"""Runs the commands of deploy/Dockerfile's stages outside Docker, because CI has no container runtime.

    python tests/deploy/image_stages.py

The folder of the build context has only what deploy/Dockerfile.dockerignore lets through, so a file that is missing there fails here. cargo checks
the code instead of building it in the release profile, which would take many minutes. It uses the target folder of the repository, which has the
dependencies already. Not run: the base images, `apt-get`, `strip`, `install`, and the last stage, which only copies.
"""

import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target/ci"


def stages(dockerfile):
    """The instructions of each stage by its name: pairs of a word and its arguments."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE)
    found, current = {}, None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            name = re.search(r" AS (\S+)", line)
            current = found.setdefault(name[1] if name else "last", [])
        elif word and current is not None:
            current.append((word, rest.strip()))
    return found


def copy_context(target):
    """Copies what the .dockerignore lets through. It has `*` and exceptions, which are files or folders."""
    patterns = (ROOT / "deploy/Dockerfile.dockerignore").read_text().split("\n")
    patterns = [line for line in patterns if line and not line.startswith("#")]
    assert patterns[0] == "*" and all(re.fullmatch(r"![\w./-]+", pattern) for pattern in patterns[1:]), patterns
    allowed = [pattern[1:] for pattern in patterns[1:]]
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for file in filter(None, files):
        if any(file == path or file.startswith(f"{path}/") for path in allowed) and (ROOT / file).is_file():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, target / file)


def instead(command):
    """What runs in place of a command of the Dockerfile, or None."""
    if command.startswith("apt-get"):
        return None
    if command.startswith("cargo install cargo-chef"):
        if (TOOLS / "bin/cargo-chef").exists():
            return None
        build = f"{TOOLS}/build-chef"
        return f"CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR={build} {command} --debug --quiet --root {TOOLS} && rm -rf {build}"
    if command.startswith("cargo chef cook"):
        return command.replace("--release", "--check")
    if command.startswith("cargo build"):
        return re.sub(r" &&.*", "", command).replace("cargo build --release", "cargo check")
    return command


def run(command, folder, environment):
    print(f"+ {command}", flush=True)
    subprocess.run(command, shell=True, cwd=folder, env=environment, check=True)


def main():
    parsed = stages((ROOT / "deploy/Dockerfile").read_text())
    assert list(parsed) == ["chef", "planner", "builder", "last"], list(parsed)
    assert not any(word == "RUN" for word, _ in parsed["last"]), "the last stage has no shell"
    # Always the same folder, because cargo keeps what it has built by the path of the sources.
    top = TOOLS / "image"
    shutil.rmtree(top, ignore_errors=True)
    environment = os.environ | {"PATH": f"{TOOLS}/bin:{os.environ['PATH']}", "CARGO_TARGET_DIR": str(ROOT / "target")}
    for stage in "chef", "planner", "builder":
        folder = top / stage
        folder.mkdir(parents=True)
        for word, arguments in parsed[stage]:
            print(f"{stage}: {word} {arguments}", flush=True)
            if word == "COPY" and arguments == ". .":
                copy_context(folder)
            elif word == "COPY":
                _, source, destination = arguments.split()
                shutil.copy2(top / "planner" / pathlib.Path(source).name, folder / destination)
            elif word == "RUN" and (command := instead(arguments)):
                run(command, folder, environment)
    print("the stages run; cargo checked the code and built nothing")


if __name__ == "__main__":
    main()
