"""Files: where a new message goes. A file that exists keeps its messages for ever."""

from errors import Unsupported
from lock import Lock
from names import snake_case


def referenced(type_: str) -> str:
    """The message that a field's type names, or the scalar: `repeated Tag` gives `Tag`."""
    return type_.removeprefix("repeated ").removeprefix("map<string, ").removesuffix(">")


def imports(lock: Lock) -> dict[str, set[str]]:
    """Which files each file of the package uses."""
    found: dict[str, set[str]] = {message.file: set() for message in lock.messages.values()}
    for message in lock.messages.values():
        for member in message.members:
            target = lock.messages.get(referenced(member.type))
            if target is not None and target.file != message.file:
                found[message.file].add(target.file)
    return found


def place(lock: Lock, new: list[str]) -> None:
    """Gives each new message a file: that of a message that uses it, so that no imports form a circle.

    Raises Unsupported if a new member of an old message leads back to that message through another file.
    """
    for name in new:
        message = lock.messages[name]
        if message.file:
            continue
        users = [m.file for m in lock.messages.values() if m.file and any(referenced(f.type) == name for f in m.members)]
        for candidate in dict.fromkeys(users) or (snake_case(name),):
            message.file = candidate
            if not _has_cycle(imports(lock)):
                break
        else:
            raise Unsupported(f"message {name}: every place for it makes files import each other in a circle")


def _has_cycle(graph: dict[str, set[str]]) -> bool:
    done: set[str] = set()

    def visit(file: str, path: tuple[str, ...]) -> bool:
        if file in path:
            return True
        if file in done:
            return False
        done.add(file)
        return any(visit(used, (*path, file)) for used in graph.get(file, ()) if used)

    return any(visit(file, ()) for file in graph)
