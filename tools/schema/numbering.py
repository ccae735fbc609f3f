"""Field numbers: which one a new member gets."""

from lock import Lock, Message

UNRECOGNIZED = 100
GATEWAY = range(101, 200)
RESERVED_BY_PROTOBUF = range(19_000, 20_000)


def is_awss(number: int) -> bool:
    """Whether a member of AWS may have this number: 1 to 99, and from 200."""
    return 1 <= number < UNRECOGNIZED or number >= GATEWAY.stop and number not in RESERVED_BY_PROTOBUF


def twins(lock: Lock, message: Message) -> list[Message]:
    """The other messages that share this message's numbers."""
    key = message.twin or message.name
    return [m for m in lock.messages.values() if m is not message and (m.twin or m.name) == key]


def next_number(lock: Lock, message: Message, name: str) -> int:
    """The number of the same member in a twin, or the next one that is free in this message and in its twins."""
    others = twins(lock, message)
    for other in others:
        if (same := other.member(name)) is not None:
            return same.number
    used = [m.number for one in (message, *others) for m in one.members]
    number = max(used, default=0) + 1
    while not is_awss(number):
        number += 1
    return number


def next_text_number(lock: Lock, message: Message, name: str) -> int:
    """The number of the field with a document's JSON text: the gateway's own."""
    others = twins(lock, message)
    for other in others:
        if (same := other.member(name)) is not None:
            return same.text
    used = [m.text for one in (message, *others) for m in one.members]
    return max(max(used, default=0) + 1, GATEWAY.start)
