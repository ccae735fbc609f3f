"""Writes the .proto files of one service from its lock and its comments."""

import comments as c
import files
from comments import Comments, lines
from lock import Lock, Member, Message, Operation
from names import camel_case, json_name, snake_case, text_field
from numbering import UNRECOGNIZED

DOCUMENT = "bedrock.type.v1.Document"
DOCUMENT_FILE = "bedrock/type/v1/document.proto"
WELL_KNOWN = {
    "google.protobuf.Value": "google/protobuf/struct.proto",
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
}


class Renderer:
    """The .proto files of one service."""

    def __init__(self, lock: Lock, comments: Comments):
        self.lock = lock
        self.comments = comments
        self.folder = lock.service["package"].replace(".", "/")

    def files(self) -> dict[str, str]:
        """The text of each file by its path below proto/."""
        names = dict.fromkeys(m.file for m in self.lock.messages.values())
        found = {f"{self.folder}/{name}.proto": self._messages_file(name) for name in names}
        found[f"{self.folder}/{self.lock.service['file']}.proto"] = self._service_file()
        return found

    def _head(self, name: str, imports: set[str]) -> list[str]:
        text = ['syntax = "proto3";', "", f"package {self.lock.service['package']};", ""]
        if imports:
            text += [f'import "{path}";' for path in sorted(imports)] + [""]
        options = self.lock.options | {"java_outer_classname": f"{camel_case(name)}Proto"}
        literal = {key: _option(value) for key, value in options.items()} | {"java_multiple_files": "true"}
        return text + [f"option {key} = {literal[key]};" for key in sorted(literal)]

    def _service_file(self) -> str:
        name = self.lock.service["file"]
        used = [m for o in self.lock.operations.values() for m in (o.request, o.response)]
        text = self._head(name, {f"{self.folder}/{self.lock.messages[m].file}.proto" for m in used})
        text += ["", *lines(self.comments.service(), ""), f"service {self.lock.service['service']} {{"]
        for index, operation in enumerate(self.lock.operations.values()):
            text += ([""] if index else []) + self._rpc(operation)
        return "\n".join([*text, "}"]) + "\n"

    def _rpc(self, operation: Operation) -> list[str]:
        request = "stream " * (operation.request_payload == "events") + operation.request
        response = "stream " * (operation.response_payload == "events") + operation.response
        head = f"  rpc {operation.name}({request}) returns ({response})"
        options = []
        if operation.removed:
            options.append("    option deprecated = true;")
        if operation.read_only:
            options.append("    option idempotency_level = NO_SIDE_EFFECTS;")
        body = [f"{head} {{", *options, "  }"] if options else [f"{head};"]
        return lines(self.comments.operation(operation.name), "  ") + body

    def _messages_file(self, name: str) -> str:
        messages = [m for m in self.lock.messages.values() if m.file == name]
        text = self._head(name, self._imports(messages))
        for message in messages:
            text += ["", *self._message(message)]
        return "\n".join(text) + "\n"

    def _imports(self, messages: list[Message]) -> set[str]:
        found = {DOCUMENT_FILE} if any(m.unrecognized for m in messages) else set()
        for message in messages:
            for member in message.members:
                target = files.referenced(member.type)
                if target in WELL_KNOWN:
                    found.add(WELL_KNOWN[target])
                elif target in self.lock.messages and self.lock.messages[target].file != message.file:
                    found.add(f"{self.folder}/{self.lock.messages[target].file}.proto")
        return found

    def _message(self, message: Message) -> list[str]:
        if message.kind == "union":
            blocks = [self._plain(message, m) for m in message.members if m.place != "body"]
            blocks.append(self._union(message))
        else:
            blocks = [self._plain(message, member) for member in message.members]
            if message.unrecognized:
                blocks.append(_field(c.UNRECOGNIZED, f"{DOCUMENT} unrecognized = {UNRECOGNIZED}", "  "))
        if message.removed:
            blocks.insert(0, ["  option deprecated = true;"])
        head = [*lines(self.comments.message(message), ""), f"message {message.name} {{"]
        if not blocks:
            return [*head[:-1], f"{head[-1]}}}"]
        return [*head, *_spaced(blocks), "}"]

    def _union(self, message: Message) -> list[str]:
        blocks = []
        for member in (m for m in message.members if m.place == "body"):
            text = self.comments.member(message, member)
            blocks.append(_field(text, f"{member.type} {_declared(member)}", "    "))
            if member.text:
                blocks.append(self._text_form(member, "    "))
        blocks.append(_field(c.UNRECOGNIZED_MEMBER, f"{DOCUMENT} unrecognized = {UNRECOGNIZED}", "    "))
        return [*lines(self.comments.oneof(message), "  "), "  oneof member {", *_spaced(blocks), "  }"]

    def _plain(self, message: Message, member: Member) -> list[str]:
        text = self.comments.member(message, member)
        if member.text and member.type.startswith("map<"):
            value = _field(f"{text}\n\n{c.VALUE_FORM}", f"{member.type} {_declared(member)}", "  ")
            return _spaced([value, self._text_form(member, "  ")])
        if member.text:
            value = _field(f"{text}\n\n{c.VALUE_FORM}", f"{member.type} {_declared(member)}", "    ")
            name = snake_case(member.name)
            head = [*lines(c.FORMS.format(name), "  "), f"  oneof {name}_form {{"]
            return [*head, *_spaced([value, self._text_form(member, "    ")]), "  }"]
        is_scalar = "." not in member.type and member.type == member.type.lower()
        label = "optional " if is_scalar and " " not in member.type else ""
        return _field(text, f"{label}{member.type} {_declared(member)}", "  ")

    def _text_form(self, member: Member, indent: str) -> list[str]:
        name = snake_case(member.name)
        return _field(c.TEXT_FORM.format(name), f"string {text_field(member.name)} = {member.text}", indent)


def _declared(member: Member) -> str:
    """`tool_use_id = 1`, with the options that the field needs."""
    name = snake_case(member.name)
    options = []
    if json_name(name) != member.name:
        options.append(f'json_name = "{member.name}"')
    if member.removed:
        options.append("deprecated = true")
    return f"{name} = {member.number}" + (f" [{', '.join(options)}]" if options else "")


def _field(comment: str, declaration: str, indent: str) -> list[str]:
    return [*lines(comment, indent), f"{indent}{declaration};"]


def _spaced(blocks: list[list[str]]) -> list[str]:
    """Joins the blocks, with an empty line between them."""
    found: list[str] = []
    for block in blocks:
        found += ([""] if found else []) + block
    return found


def _option(value: str) -> str:
    return '"' + value.replace("\\", "\\\\") + '"'
