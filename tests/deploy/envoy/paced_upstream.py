"""A Bedrock endpoint whose streams last: ConverseStream with an event each 100 ms, for tests that stop servers in the middle.

    python paced_upstream.py PORT EVENTS

The simulator's streams are short, and its faults end or stall them. This one speaks only what these tests need.
"""

import asyncio
import json
import struct
import sys
import zlib

PAUSE = 0.1


def header(name, value):
    name, value = name.encode(), value.encode()
    return bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value


def frame(event, body):
    """One message of AWS's event stream: lengths, checksum, headers, payload, checksum."""
    headers = header(":message-type", "event") + header(":event-type", event) + header(":content-type", "application/json")
    payload = json.dumps(body).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


async def stream(writer, events):
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
                 b"x-amzn-requestid: paced\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(chunk(frame("messageStart", {"role": "assistant"})))
    for number in range(events):
        await writer.drain()
        await asyncio.sleep(PAUSE)
        writer.write(chunk(frame("contentBlockDelta", {"delta": {"text": f"{number} "}, "contentBlockIndex": 0})))
    writer.write(chunk(frame("messageStop", {"stopReason": "end_turn"})))
    usage = {"inputTokens": 1, "outputTokens": events, "totalTokens": events + 1}
    writer.write(chunk(frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})) + b"0\r\n\r\n")
    await writer.drain()


async def serve(reader, writer, events):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
            await reader.readexactly(length)
            await stream(writer, events)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port, events):
    server = await asyncio.start_server(lambda r, w: serve(r, w, events), "127.0.0.1", port, backlog=1000)
    # It ends by itself, even if the test is killed.
    async with server:
        await asyncio.wait_for(server.serve_forever(), 600)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
