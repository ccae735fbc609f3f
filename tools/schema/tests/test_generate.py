"""The whole tool: from a model to files."""

import contextlib
import importlib.util
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

import made_up
from support import ROOT, TOOL, model_of, read_facts, temporary_project, write_model


import facts as f

SERVICES = ("bedrock", "bedrock-runtime")
spec = importlib.util.spec_from_file_location("schema_main", TOOL / "__main__.py")
main = importlib.util.module_from_spec(spec)
spec.loader.exec_module(main)


def run(*arguments: str) -> tuple[int, str]:
    """Runs the tool. Returns its exit code and what it printed."""
    out = io.StringIO()
    with mock.patch("sys.argv", ["tools/schema", *arguments]), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main.main()
    return code, out.getvalue()


def write_models(test, change=lambda service, model: None) -> str:
    """AWS's models, changed by `change`, in a temporary folder."""
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    for service in SERVICES:
        model = model_of(read_facts(service))
        change(service, model)
        write_model(pathlib.Path(folder.name), service, model)
    return folder.name


def texts(root: pathlib.Path) -> dict[str, str]:
    return {str(p.relative_to(root)): p.read_text() for p in sorted((root / "proto").rglob("*")) if p.suffix in (".proto", ".toml")}


class Repository(unittest.TestCase):
    def test_the_files_in_the_repository_are_what_the_tool_writes(self):
        self.assertEqual(run("--check", "--offline", "--root", str(ROOT)), (0, mock.ANY))

    def test_a_changed_proto_file_fails_the_check(self):
        root = temporary_project(self)
        path = root / "proto/bedrock/runtime/v1/tool.proto"
        path.write_text(path.read_text().replace("tool_use_id = 1", "tool_use_id = 9"))
        code, printed = run("--check", "--offline", "--root", str(root))
        self.assertEqual(code, 1)
        self.assertIn("proto/bedrock/runtime/v1/tool.proto is not what tools/schema writes", printed)

    def test_facts_are_equal_after_a_round_trip_through_a_model(self):
        for service in SERVICES:
            facts = read_facts(service)
            self.assertEqual(f.extract(model_of(facts), facts["source"], lambda _: True), facts)


class NewOperation(unittest.TestCase):
    def setUp(self):
        self.root = temporary_project(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        made_up.write(pathlib.Path(folder.name))
        self.code, self.printed = run("--root", str(self.root), "--model", folder.name)

    def test_one_run_adds_the_rpc_its_messages_and_every_member(self):
        self.assertEqual(self.code, 0, self.printed)
        service = (self.root / "proto/bedrock/runtime/v1/bedrock_runtime_service.proto").read_text()
        self.assertIn("rpc RankPassages(RankPassagesRequest) returns (RankPassagesResponse);", service)
        text = (self.root / "proto/bedrock/runtime/v1/rank_passages.proto").read_text()
        for line in (
            "repeated string tag_filters = 3;",
            "map<string, string> labels = 7;",
            'optional string model_arn = 11 [json_name = "modelARN"];',
            "RankTags lines = 2;",
            "string json_text = 101;",
            "oneof extra_form {",
            "// AWS's member `strategy`. Known values: `FAST`, `EXACT`.",
            "// AWS's member `collectionId`. Required. 1 to 64 characters.",
        ):
            self.assertIn(line, text)

    def test_the_lock_has_the_place_of_each_member(self):
        lock = (self.root / "proto/bedrock-runtime.lock.toml").read_text()
        self.assertIn('name = "expectedAfter", number = 5, type = "google.protobuf.Timestamp", codec = "timestamp.rfc822"', lock)
        self.assertIn('place = "headers", wire = "X-Amzn-Label-"', lock)
        self.assertIn('method = "PUT"\nuri = "/collections/{collectionId}/rank"', lock)

    def test_no_other_file_changes(self):
        old, new = texts(ROOT), texts(self.root)
        changed = {path for path in new if old.get(path) != new[path]}
        self.assertEqual(
            changed,
            {
                "proto/bedrock-runtime.lock.toml",
                "proto/bedrock/runtime/v1/bedrock_runtime_service.proto",
                "proto/bedrock/runtime/v1/rank_passages.proto",
            },
        )

    def test_a_second_run_changes_nothing(self):
        before = texts(self.root)
        self.assertEqual(run("--root", str(self.root), "--offline"), (0, mock.ANY))
        self.assertEqual(texts(self.root), before)


class ChangedModel(unittest.TestCase):
    def generate(self, change) -> tuple[pathlib.Path, int, str]:
        root = temporary_project(self)
        return root, *run("--root", str(root), "--model", write_models(self, change))

    def test_a_member_of_twins_gets_the_same_number_in_both(self):
        def change(service, model):
            if service == "bedrock-runtime":
                model["shapes"]["ConverseStreamRequest"]["members"]["streamOnly"] = {"shape": "MimeType"}
                for name in ("ConverseRequest", "ConverseStreamRequest"):
                    model["shapes"][name]["members"]["both"] = {"shape": "MimeType"}

        root, code, printed = self.generate(change)
        self.assertEqual(code, 0, printed)
        converse = (root / "proto/bedrock/runtime/v1/converse.proto").read_text()
        stream = (root / "proto/bedrock/runtime/v1/converse_stream.proto").read_text()
        self.assertIn("optional string both = 15;", converse)
        self.assertIn("optional string stream_only = 16;", stream)
        self.assertIn("optional string both = 15;", stream)

    def test_a_removed_member_stays_and_is_deprecated(self):
        def change(service, model):
            model["shapes"].get("ToolUseBlock", {"members": {}})["members"].pop("type", None)

        root, code, printed = self.generate(change)
        self.assertEqual(code, 0, printed)
        self.assertIn("ToolUseBlock.type is not in AWS's model any more", printed)
        text = (root / "proto/bedrock/runtime/v1/tool.proto").read_text()
        self.assertIn("optional string type = 4 [deprecated = true];", text)

    def test_a_removed_operation_stays_and_is_deprecated(self):
        root, code, printed = self.generate(lambda _, model: model["operations"].pop("CountTokens", None))
        self.assertEqual(code, 0, printed)
        service = (root / "proto/bedrock/runtime/v1/bedrock_runtime_service.proto").read_text()
        self.assertIn("(CountTokensResponse) {\n    option deprecated = true;", service)

    def test_a_changed_type_is_an_error_that_names_the_member(self):
        def change(service, model):
            if "InferenceConfiguration" in model["shapes"]:
                model["shapes"]["InferenceConfiguration"]["members"]["maxTokens"]["shape"] = "MimeType"

        _, code, printed = self.generate(change)
        self.assertEqual(code, 1)
        self.assertIn("InferenceConfiguration.maxTokens: AWS changed its type from int32 to string", printed)

    def test_news_lists_new_members_and_values_and_changes_nothing(self):
        def change(service, model):
            if service == "bedrock-runtime":
                model["shapes"]["ToolUseBlock"]["members"]["mood"] = {"shape": "MimeType"}
                model["shapes"]["StopReason"]["enum"] = [*model["shapes"]["StopReason"]["enum"], "bored"]

        root = temporary_project(self)
        before = texts(root)
        code, printed = run("--news", "--root", str(root), "--model", write_models(self, change))
        self.assertEqual(code, 0)
        self.assertIn("adds the member ToolUseBlock.mood", printed)
        self.assertIn("adds the value StopReason: bored", printed)
        self.assertEqual(texts(root), before)


if __name__ == "__main__":
    unittest.main()
