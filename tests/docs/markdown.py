"""Reads Markdown pages: their code blocks with the markers of this test, their links and their headings."""

import dataclasses
import re

FENCE = re.compile(r"^( *)(```+)(\w*)")
MARKER = re.compile(r"<!-- docs-test: (.*?) -->")


@dataclasses.dataclass
class Block:
    """A fenced code block."""

    page: str
    line: int  # of its first line of code, from 1
    language: str
    markers: list  # of strings
    text: str

    def marker(self, name):
        """What follows a marker's name, or None if the block does not have it."""
        for marker in self.markers:
            if marker == name or marker.startswith(name + " "):
                return marker[len(name):].strip()
        return None

    @property
    def place(self):
        return f"{self.page}:{self.line}"


def split_markers(text):
    """`background, on-simulator` are two markers. After `skip`, everything is the reason."""
    if text.startswith("skip"):
        name, _, reason = text.partition(",")
        return [f"{name} {reason.strip()}"]
    return [part.strip() for part in text.split(",")]


def blocks(page, text):
    """The code blocks of a page, in order."""
    found, markers, lines = [], [], iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        fence = FENCE.match(line)
        if not fence:
            if marker := MARKER.search(line):
                markers = split_markers(marker[1])
            elif line.strip():
                markers = []
            continue
        indent, ticks, language = fence.groups()
        code = []
        for _, inner in lines:
            if inner.strip() == ticks:
                break
            code.append(inner.removeprefix(indent))
        found.append(Block(page, number + 1, language, markers, "\n".join(code) + "\n"))
        markers = []
    return found


def skip_reason(text):
    """Why the whole page is skipped, or None."""
    for marker in MARKER.finditer(text):
        if marker[1].startswith("skip-page"):
            return marker[1].partition(",")[2].strip()
    return None


def without_code(text):
    """The text without code blocks and code spans."""
    lines, inside = [], None
    for line in text.splitlines():
        fence = FENCE.match(line)
        if inside:
            if line.strip() == inside:
                inside = None
        elif fence:
            inside = fence[2]
        else:
            lines.append(line)
    return re.sub(r"`[^`\n]*`", "", "\n".join(lines))


def links(text):
    """The targets of all links."""
    text = without_code(text)
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)", text, re.MULTILINE)


def anchors(text):
    """The anchors that GitHub gives a page's headings."""
    found = set()
    inside = None
    for line in text.splitlines():
        fence = FENCE.match(line)
        if inside:
            if line.strip() == inside:
                inside = None
        elif fence:
            inside = fence[2]
        elif heading := re.match(r"#+ +(.*?) *$", line):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            count = 0
            while (unique := anchor if not count else f"{anchor}-{count}") in found:
                count += 1
            found.add(unique)
    return found


def commands(text):
    """The commands of a `sh` block, each with its continuation lines. Comment lines are left out."""
    found, current = [], ""
    for line in text.splitlines():
        if not current and (not line.strip() or line.lstrip().startswith("#")):
            continue
        current += line + "\n"
        if not line.endswith("\\"):
            found.append(current.strip())
            current = ""
    return found


def transcript(text):
    """The commands of a `console` block with the output that is expected of each."""
    found = []
    lines = text.splitlines()
    while lines:
        line = lines.pop(0)
        if not line.startswith("$ "):
            if found:
                found[-1][1].append(line)
            elif line.strip():
                raise ValueError(f"output before the first command: {line}")
            continue
        command = line[2:]
        # A command goes on while a quote is open, or where the shell says so.
        while command.count("'") % 2 or command.rstrip().endswith(("\\", "|", "&&")):
            command += "\n" + lines.pop(0)
        found.append((command, []))
    return [(command, expected) for command, expected in found]
