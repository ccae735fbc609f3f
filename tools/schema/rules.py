"""The rules of a lock. Each function returns what breaks them, in words."""

import files
import numbering
from lock import Lock, Member, Message
from names import json_name, snake_case, text_field

WRITTEN_TIMESTAMP = "timestamp.iso8601"


def check(lock: Lock) -> list[str]:
    """The mistakes within one lock."""
    wrong = []
    for message in lock.messages.values():
        wrong += _numbers(message) + _names(message) + _types(lock, message)
    return wrong + _twins(lock) + _timestamps_of_requests(lock)


def _numbers(message: Message) -> list[str]:
    wrong, seen = [], set()
    for member in message.members:
        if not numbering.is_awss(member.number):
            wrong.append(f"{message.name}.{member.name}: {member.number} is not a number for a member of AWS")
        if member.text and member.text not in numbering.GATEWAY:
            wrong.append(f"{message.name}.{member.name}: {member.text} is not a number of the gateway's own")
        for number in filter(None, (member.number, member.text)):
            if number in seen:
                wrong.append(f"{message.name}.{member.name}: number {number} is used twice")
            seen.add(number)
    return wrong


def _names(message: Message) -> list[str]:
    """Two members of AWS must not become one field."""
    fields = [snake_case(m.name) for m in message.members] + [text_field(m.name) for m in message.members if m.text]
    fields += ["unrecognized"] * message.unrecognized
    twice = sorted({name for name in fields if fields.count(name) > 1})
    return [f"{message.name}: two fields are named {name} ({json_name(name)})" for name in twice]


def _types(lock: Lock, message: Message) -> list[str]:
    wrong = []
    for member in message.members:
        target = files.referenced(member.type)
        if target[:1].isupper() and target not in lock.messages:
            wrong.append(f"{message.name}.{member.name}: there is no message {target}")
    return wrong


def _twins(lock: Lock) -> list[str]:
    """One serialized message must serve both twins: a member of both has one number and one type."""
    wrong = []
    for message in lock.messages.values():
        if not message.twin:
            continue
        other = lock.messages.get(message.twin)
        if other is None:
            wrong.append(f"{message.name}: there is no message {message.twin} to be its twin")
            continue
        for member in message.members:
            pair = f"{message.name}.{member.name} and {other.name}"
            same = other.member(member.name)
            if same is None:
                taken = next((m for m in other.members if member.number in (m.number, m.text)), None)
                if taken is not None:
                    wrong.append(f"{pair}.{taken.name} are twins' members with number {member.number} and two names")
            elif (member.number, member.text) != (same.number, same.text) or not _fits(lock, member, same):
                wrong.append(f"{pair}.{same.name} are twins' members and differ in number or type")
    return wrong


def _fits(lock: Lock, one: Member, other: Member) -> bool:
    if one.type == other.type:
        return True
    first, second = lock.messages.get(one.type), lock.messages.get(other.type)
    return bool(first and second) and (first.twin == second.name or second.twin == first.name)


def _timestamps_of_requests(lock: Lock) -> list[str]:
    """The codec reads every form of a timestamp in a body, but it writes only one form."""
    wrong, seen = [], set()
    waiting = [o.request for o in lock.operations.values()]
    while waiting:
        message = lock.messages.get(waiting.pop())
        if message is None or message.name in seen:
            continue
        seen.add(message.name)
        for member in message.members:
            waiting.append(files.referenced(member.type))
            if member.place == "body" and member.codec.startswith("timestamp.") and member.codec != WRITTEN_TIMESTAMP:
                wrong.append(f"{message.name}.{member.name}: the codec does not write {member.codec} into a body")
    return wrong


def compare_with_release(released: Lock, lock: Lock) -> list[str]:
    """What has changed or was removed since the last release. Nothing may."""
    wrong = []
    for name, operation in released.operations.items():
        now = lock.operations.get(name)
        if now is None:
            wrong.append(f"operation {name} is gone; it must stay, with `removed`")
        elif (now.request, now.response) != (operation.request, operation.response):
            wrong.append(f"operation {name}: its messages have changed")
    for name, message in released.messages.items():
        now = lock.messages.get(name)
        if now is None:
            wrong.append(f"message {name} is gone; it must stay, with `removed`")
            continue
        for key in ("kind", "file", "shape", "twin"):
            if getattr(now, key) != getattr(message, key):
                wrong.append(f"message {name}: {key} was {getattr(message, key)!r} and is {getattr(now, key)!r}")
        for member in message.members:
            wrong += _compare_member(name, member, now.member(member.name))
    return wrong


def _compare_member(message: str, old: Member, new: Member | None) -> list[str]:
    path = f"{message}.{old.name}"
    if new is None:
        return [f"{path} is gone; it must stay, with `removed`"]
    return [
        f"{path}: {key} was {getattr(old, key)!r} and is {getattr(new, key)!r}"
        for key in ("number", "text", "type", "codec", "place", "wire", "since")
        if getattr(old, key) != getattr(new, key)
    ]
