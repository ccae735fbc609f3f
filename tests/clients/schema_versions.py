#!/usr/bin/env python3
"""What happens when AWS adds a member and client and gateway have different versions of the schema: each cell of the table in
docs/schema.md, with code that protoc generates from an older and from a newer schema.

The gateway has this repository's schema. An older client's schema lacks fields of it. A newer client's schema has fields that
the gateway does not know. Each version of the generated code runs in a process of its own, since protobuf keeps one registry
of messages per process. A small HTTP server stands for Bedrock: it keeps the last request and sends a scripted response.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import ROOT, gateway, run

# What the gateway's schema does not know, in either direction.
FUTURE_MEMBER = {"mood": {"z": 1, "a": [1.0, 12345678901234567890]}}
FUTURE_BLOCK = {"futureBlock": {"text": "later"}}

# An older schema: without these lines of this repository's schema.
OLDER = {"tool.proto": ["  optional string type = 4;"], "message.proto": ["    SearchResultBlock search_result = 12;"]}
# A newer schema: with these fields.
NEWER = {"tool.proto": ("message ToolUseBlock {", "  optional string mood = 60;"),
         "converse.proto": ("message InferenceConfiguration {", "  optional string mood = 60;"),
         "message.proto": ("message ContentBlock {\n  // The one member that is set.\n  oneof member {", "    string future_block = 60;")}

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Bedrock(ThreadingHTTPServer):
    """Keeps the body of the last request. Sends `response`."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url, self.response, self.body = f"http://127.0.0.1:{self.server_address[1]}", {}, None
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        response = json.dumps(self.server.response).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, *_):
        pass


def response(*content):
    return {"output": {"message": {"role": "assistant", "content": list(content)}}, "stopReason": "end_turn"}


def generate(folder, older=False, newer=False):
    """Python code of this repository's schema, or of an older or newer one."""
    from grpc_tools import protoc

    protos = folder / "proto"
    for source in (ROOT / "proto").rglob("bedrock/**/*.proto"):
        text = source.read_text()
        for line in OLDER.get(source.name, []) if older else []:
            assert line in text, line
            text = text.replace(line, "", 1)
        if newer and source.name in NEWER:
            place, line = NEWER[source.name]
            assert place in text, place
            text = text.replace(place, f"{place}\n{line}", 1)
        target = protos / source.relative_to(ROOT / "proto")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    files = [str(p.relative_to(protos)) for p in protos.rglob("*.proto")]
    include = pathlib.Path(protoc.__file__).parent / "_proto"
    assert protoc.main(["protoc", f"-I{protos}", f"-I{include}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]) == 0


# Runs in a process of its own. The code on its standard input has the generated messages, `request` and `converse`. It puts what
# it found into `result`.
WORKER = """
import json, sys
import grpc
from bedrock.runtime.v1 import bedrock_runtime_service_pb2_grpc, converse_pb2, message_pb2, tool_pb2
from bedrock.type.v1 import document_pb2
stub = bedrock_runtime_service_pb2_grpc.BedrockRuntimeServiceStub(grpc.insecure_channel(sys.argv[1]))
Block, Message, ToolUse, Document = message_pb2.ContentBlock, message_pb2.Message, tool_pb2.ToolUseBlock, document_pb2.Document
def request(*blocks, **fields):
    return converse_pb2.ConverseRequest(model_id="m", messages=[Message(role="user", content=blocks)], **fields)
def converse(request):
    try:
        return stub.Converse(request, timeout=20)
    except grpc.RpcError as error:
        return error
result = None
exec(sys.stdin.read())
print(json.dumps(result))
"""


class Client:
    """Generated code of one version of the schema."""

    def __init__(self, target, **version):
        self.target, self.folder = target, tempfile.TemporaryDirectory(prefix="schema-version-")
        generate(pathlib.Path(self.folder.name), **version)

    def run(self, code):
        done = subprocess.run([sys.executable, "-c", WORKER, self.target], input=code, capture_output=True, text=True,
                              timeout=60, env={"PYTHONPATH": self.folder.name})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


# Sends the response's message back, as a conversation does.
CONTINUE_CONVERSATION = """
message = converse(request(Block(text="Hi"))).output.message
next_turn = request(Block(text="Hi"))
next_turn.messages.extend([message, Message(role="user", content=[Block(text="And now?")])])
outcome = converse(next_turn)
assert not isinstance(outcome, grpc.RpcError), outcome
"""


def turn_sent_back(bedrock):
    return bedrock.body["messages"][1]


@check
def request_member_that_neither_knows_is_sent_in_unrecognized(bedrock, clients):
    bedrock.response = response()
    clients["same"].run(f"""
document = Document(json={json.dumps(json.dumps(FUTURE_MEMBER))})
converse(request(Block(tool_use=ToolUse(name="t", unrecognized=document)), Block(unrecognized=Document(json={json.dumps(json.dumps(FUTURE_BLOCK))}))))
""")
    assert bedrock.body["messages"][0]["content"] == [{"toolUse": {"name": "t", **FUTURE_MEMBER}}, FUTURE_BLOCK], bedrock.body


@check
def response_member_that_neither_knows_arrives_in_unrecognized_and_goes_back(bedrock, clients):
    bedrock.response = response({"toolUse": {"name": "t", **FUTURE_MEMBER}}, FUTURE_BLOCK)
    found = clients["same"].run(CONTINUE_CONVERSATION + """
result = [message.content[0].tool_use.unrecognized.json, message.content[1].unrecognized.json]
""")
    assert [json.loads(text) for text in found] == [FUTURE_MEMBER, FUTURE_BLOCK], found
    assert turn_sent_back(bedrock) == bedrock.response["output"]["message"], bedrock.body


@check
def older_client_sends_a_member_of_the_gateways_schema_in_unrecognized(bedrock, clients):
    bedrock.response = response()
    clients["older"].run("""
document = Document(json='{"type": "server_tool_use"}')
outcome = converse(request(Block(tool_use=ToolUse(name="t", unrecognized=document)), Block(unrecognized=Document(json='{"searchResult": {}}'))))
assert not isinstance(outcome, grpc.RpcError), outcome
""")
    sent = bedrock.body["messages"][0]["content"]
    assert sent == [{"toolUse": {"name": "t", "type": "server_tool_use"}}, {"searchResult": {}}], sent


@check
def older_client_does_not_see_a_member_of_the_gateways_schema_and_sends_it_back(bedrock, clients):
    bedrock.response = response({"toolUse": {"name": "t", "type": "server_tool_use"}},
                                {"searchResult": {"title": "a page", "content": []}})
    found = clients["older"].run(CONTINUE_CONVERSATION + """
result = [hasattr(message.content[0].tool_use, "type"), message.content[1].WhichOneof("member")]
""")
    assert found == [False, None], found
    assert turn_sent_back(bedrock) == bedrock.response["output"]["message"], bedrock.body


@check
def newer_client_is_rejected_when_it_sets_a_field_that_the_gateway_does_not_know(bedrock, clients):
    bedrock.body = None
    for fields, path in [
        ('Block(text="Hi"), inference_config=converse_pb2.InferenceConfiguration(mood="good")', "inferenceConfig.#60"),
        ('Block(tool_use=ToolUse(name="t", mood="good"))', "messages[0].content[0].toolUse.#60"),
        ('Block(text="Hi"), Block(future_block="later")', "messages[0].content[1].#60"),
    ]:
        code, details = clients["newer"].run(f"""
error = converse(request({fields}))
result = [error.code().name, error.details()]
""")
        assert code == "INVALID_ARGUMENT" and details.startswith(f"{path}:"), (code, details)
    assert bedrock.body is None


@check
def newer_client_gets_its_members_in_unrecognized_and_sends_them_back(bedrock, clients):
    bedrock.response = response({"toolUse": {"name": "t", "mood": "good"}}, {"futureBlock": "later"})
    found = clients["newer"].run(CONTINUE_CONVERSATION + """
use, block = message.content[0].tool_use, message.content[1]
result = [use.HasField("mood"), use.unrecognized.json, block.WhichOneof("member"), block.unrecognized.json]
""")
    assert (found[0], found[2]) == (False, "unrecognized"), found
    assert [json.loads(found[1]), json.loads(found[3])] == [{"mood": "good"}, {"futureBlock": "later"}], found
    assert turn_sent_back(bedrock) == bedrock.response["output"]["message"], bedrock.body


def main():
    bedrock = Bedrock()
    with gateway(bedrock.url) as server:
        clients = {"same": Client(server.target), "older": Client(server.target, older=True),
                   "newer": Client(server.target, newer=True)}
        return run(CHECKS, bedrock, clients)


if __name__ == "__main__":
    sys.exit(main())
