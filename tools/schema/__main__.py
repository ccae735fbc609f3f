"""Generates the schema from AWS's model.

    python3 tools/schema                  write facts, lock and .proto files, from the botocore that is installed
    python3 tools/schema --check          write nothing; fail if anything would change
    python3 tools/schema --model DIR      use botocore's data folder DIR
    python3 tools/schema --offline        use the facts in the repository in place of AWS's model
    python3 tools/schema --news           list what AWS's model has and the schema does not; never fails
    python3 tools/schema --release        keep the present schema as that of a release; needs `buf`
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import facts as f
import lock as l
from errors import Unsupported
from generate import generate
from project import Project


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/schema", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[2], help=argparse.SUPPRESS)
    parser.add_argument("--model", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--offline", action="store_true")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--news", action="store_true")
    mode.add_argument("--release", action="store_true")
    return parser.parse_args()


def find_model(arguments: argparse.Namespace) -> tuple[pathlib.Path | None, str]:
    """Botocore's data folder, and its name for the facts file."""
    if arguments.offline:
        return None, ""
    if arguments.model:
        return arguments.model, f"botocore's data in {arguments.model.name}"
    try:
        import botocore
    except ImportError:
        raise SystemExit("botocore is not installed: install it, or use --model or --offline") from None
    return pathlib.Path(botocore.__file__).parent / "data", f"botocore {botocore.__version__}"


def run_check(files: dict[pathlib.Path, str], root: pathlib.Path) -> list[str]:
    """The files whose text would change."""
    return [str(p.relative_to(root)) for p, text in files.items() if not p.exists() or p.read_text() != text]


def print_news(project: Project, data: pathlib.Path, source: str) -> None:
    for service in project.services():
        old = json.loads(project.facts(service).read_text())
        lock = l.loads(project.lock(service).read_text())
        model = f.read_model(data, service)
        new = f.extract(model, source, lock.wants)
        for what, read in (("member", f.members), ("value", f.values)):
            for name in sorted(read(new) - read(old)):
                print(f"{service}: {source} adds the {what} {name}")
            for name in sorted(read(old) - read(new)):
                print(f"{service}: {source} does not have the {what} {name}")
        others = len(model["operations"]) - len(new["operations"])
        print(f"{service}: {len(new['operations'])} operations, {others} others of AWS are not in the schema")


def write_release(project: Project) -> None:
    """Keeps the present schema as that of a release."""
    if shutil.which("buf") is None:
        raise SystemExit("buf is not in the PATH")
    project.released.mkdir(exist_ok=True)
    for service in project.services():
        shutil.copy(project.lock(service), project.released_lock(service))
    build = ["buf", "build", "--exclude-source-info", "--output", "proto/released/schema.binpb"]
    subprocess.run(build, cwd=project.root, check=True)


def main() -> int:
    arguments = parse_arguments()
    project = Project(arguments.root.resolve())
    if arguments.release:
        write_release(project)
        return 0
    data, source = find_model(arguments)
    if arguments.news:
        print_news(project, data, source)
        return 0
    failed = False
    for service in project.services():
        try:
            result = generate(project, service, data, source)
        except Unsupported as error:
            print(f"{service}: {error}", file=sys.stderr)
            return 1
        for change in result.changes:
            print(f"{service}: {change}")
        for note in result.notes:
            print(f"{service}: note: {note}")
        for wrong in result.wrong:
            print(f"{service}: {wrong}", file=sys.stderr)
        if result.wrong:
            failed = True
        elif arguments.check:
            stale = run_check(result.files, project.root)
            for path in stale:
                print(f"{path} is not what tools/schema writes", file=sys.stderr)
            failed = failed or bool(stale)
        else:
            for path, text in result.files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
