"""Builds the table of Bedrock's prices from published facts.

    python3 tools/prices                  write the table and the list of disagreements from the facts in this folder
    python3 tools/prices --check          write nothing; fail if anything would change
    python3 tools/prices --update         read the facts from the installed packages `litellm` and `genai-prices` first

The two packages have independent price tables. `pip install --no-deps litellm` is enough, because only its data file is read.
"""

import argparse
import json
import pathlib

import sources
from table import combine, render_disagreements, render_table

FOLDER = pathlib.Path(__file__).parent
FACTS = FOLDER / "facts"


def read_facts() -> list[dict]:
    return [json.loads((FACTS / f"{name}.json").read_text()) for name in sources.NAMES]


def update_facts() -> None:
    for name, facts in sources.read_all().items():
        (FACTS / f"{name}.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def render(facts: list[dict], root: pathlib.Path) -> dict[pathlib.Path, str]:
    """The files and their texts."""
    models, disagreements = combine(*facts)
    return {
        root / "server/src/pricing/prices.json": render_table(models, facts),
        root / "tools/prices/disagreements.md": render_disagreements(disagreements, facts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/prices", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    if arguments.update:
        update_facts()
    files = render(read_facts(), FOLDER.parents[1])
    changed = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if arguments.check and changed:
        raise SystemExit("python3 tools/prices would change " + ", ".join(str(path) for path in changed))
    for path in changed:
        path.write_text(files[path])
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
