"""Generates the package's protobuf modules and copies the service config. Hatch runs it before each build.

By hand, for an editable checkout: `python generate.py`.

protoc writes `from bedrock.runtime.v1 import ...`. A top-level package `bedrock` could collide with another one, so the
modules go into `bedrock_grpc._proto` and their imports are rewritten. An sdist carries the generated modules, because the
.proto files are outside of this folder.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import sys
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # python generate.py, without hatchling
    BuildHookInterface = object  # type: ignore[assignment, misc]

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE / "src" / "bedrock_grpc"
PROTO = HERE.parents[1] / "proto"
SERVICE_CONFIG = HERE.parent / "service-config.json"
#: Imports of our own packages in generated code: `from bedrock.type.v1 import`, `import bedrock.type.v1.document_pb2`.
OWN_IMPORT = re.compile(r"^(from|import) bedrock\.", re.MULTILINE)
#: The message modules whose names `bedrock_grpc.types` exports.
EXPORTED = "bedrock/runtime/v1"


class GenerateHook(BuildHookInterface):  # type: ignore[type-arg, misc]
    """Runs `generate` before hatch collects the files."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatch."""
        generate()


def generate() -> None:
    """Writes `_proto/`, its `__init__.py` files, and `service-config.json`."""
    if not PROTO.is_dir():
        if (PACKAGE / "_proto").is_dir():
            return  # A build from an sdist, which carries them.
        raise SystemExit(f"{PROTO} is missing: build from a checkout of the repository")
    from grpc_tools import protoc

    out = PACKAGE / "_proto"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("bedrock/**/*.proto"))
    google = pathlib.Path(protoc.__file__).parent / "_proto"
    outputs = [f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    code = protoc.main(["protoc", f"-I{PROTO}", f"-I{google}", *outputs, *files])
    if code != 0:
        raise SystemExit(f"protoc failed with exit code {code}")
    for path in [*out.rglob("*.py"), *out.rglob("*.pyi")]:
        path.write_text(rewrite(path.read_text()))
    for folder in [out, *(path for path in out.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").touch()
    (out / "runtime_types.py").write_text(exports(out / EXPORTED))
    shutil.copyfile(SERVICE_CONFIG, PACKAGE / "service-config.json")


def rewrite(text: str) -> str:
    """Moves imports of our own packages below `bedrock_grpc._proto`."""
    text = re.sub(r"^from bedrock\.", "from bedrock_grpc._proto.bedrock.", text, flags=re.MULTILINE)
    text = re.sub(r"^from bedrock import", "from bedrock_grpc._proto.bedrock import", text, flags=re.MULTILINE)
    return re.sub(r"^import bedrock\.", "import bedrock_grpc._proto.bedrock.", text, flags=re.MULTILINE)


def exports(folder: pathlib.Path) -> str:
    """A module that exports every message of the runtime by its own name."""
    lines = ['"""Every message of bedrock.runtime.v1. Generated."""', ""]
    for path in sorted(folder.glob("*_pb2.pyi")):
        names = re.findall(r"^class (\w+)\(_?message\.Message\)|^class (\w+)\(.*Message\):", path.read_text(), re.MULTILINE)
        module = path.name.removesuffix(".pyi")
        found = sorted({first or second for first, second in names if not (first or second).startswith("_")})
        lines += [f"from .bedrock.runtime.v1.{module} import {name} as {name}" for name in found]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(generate())
