"""Where the repository keeps the files of the schema."""

import pathlib
import tomllib
from dataclasses import dataclass


@dataclass
class Project:
    """A tree of files: the repository, or a copy of it."""

    root: pathlib.Path

    @property
    def proto(self) -> pathlib.Path:
        return self.root / "proto"

    @property
    def released(self) -> pathlib.Path:
        return self.root / "proto/released"

    def lock(self, service: str) -> pathlib.Path:
        return self.proto / f"{service}.lock.toml"

    def released_lock(self, service: str) -> pathlib.Path:
        return self.released / f"{service}.lock.toml"

    def facts(self, service: str) -> pathlib.Path:
        return self.root / f"tools/schema/facts/{service}.json"

    def docs(self, service: str) -> pathlib.Path:
        return self.root / f"tools/schema/docs/{service}.toml"

    def services(self) -> list[str]:
        """AWS's services that the schema has, by botocore's names."""
        return sorted(path.name.removesuffix(".lock.toml") for path in self.proto.glob("*.lock.toml"))

    def version(self) -> str:
        """The version that new members are marked with."""
        manifest = tomllib.loads((self.root / "Cargo.toml").read_text())
        return manifest["workspace"]["package"]["version"]
