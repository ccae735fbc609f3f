"""One service, from AWS's model to the texts of all files that follow from it."""

import json
import pathlib
from dataclasses import dataclass, field

import facts as f
import lock as l
import rules
from comments import Comments
from project import Project
from render import Renderer
from update import Update


@dataclass
class Result:
    """What one service's files must be."""

    files: dict[pathlib.Path, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)  # what AWS's model has and the lock did not
    wrong: list[str] = field(default_factory=list)  # why the files must not be written
    notes: list[str] = field(default_factory=list)  # what a person should look at


def generate(project: Project, service: str, data: pathlib.Path | None, source: str) -> Result:
    """The files of one service. `data` is botocore's data folder; without it, the facts of the repository are used."""
    old = l.loads(project.lock(service).read_text())
    if data is None:
        facts = json.loads(project.facts(service).read_text())
    else:
        facts = f.extract(f.read_model(data, service), source, old.wants)
    update = Update(old, facts, project.version())
    new = update.run()
    docs = project.docs(service)
    comments = Comments(new, facts, docs.read_text() if docs.exists() else "")
    result = Result(changes=update.changes, wrong=rules.check(new))
    if project.released_lock(service).exists():
        result.wrong += rules.compare_with_release(l.loads(project.released_lock(service).read_text()), new)
    result.wrong += [f"{docs.name}: {key} names nothing" for key in comments.unused()]
    result.notes = [f"{value} is a value that the comment does not name" for value in comments.unnamed_values()]
    result.files = {project.facts(service): f.dump(facts), project.lock(service): l.dumps(new)}
    result.files |= {project.proto / path: text for path, text in Renderer(new, comments).files().items()}
    return result
