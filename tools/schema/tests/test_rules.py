"""The rules of a lock."""

import copy
import unittest

from support import ROOT

import comments
import files
import lock as l
import names
import numbering
import rules
from errors import Unsupported


def read_lock(service: str = "bedrock-runtime") -> l.Lock:
    return l.loads((ROOT / f"proto/{service}.lock.toml").read_text())


class Locks(unittest.TestCase):
    def test_a_lock_is_written_as_it_was_read(self):
        for service in ("bedrock", "bedrock-runtime"):
            text = (ROOT / f"proto/{service}.lock.toml").read_text()
            self.assertEqual(l.dumps(l.loads(text)), text)

    def test_the_locks_of_the_repository_keep_all_rules(self):
        for service in ("bedrock", "bedrock-runtime"):
            self.assertEqual(rules.check(read_lock(service)), [])

    def test_two_members_with_one_number_break_the_rules(self):
        lock = read_lock()
        lock.messages["ToolUseBlock"].member("name").number = 1
        self.assertEqual(rules.check(lock), ["ToolUseBlock.name: number 1 is used twice"])

    def test_a_member_of_aws_with_a_number_of_the_gateway_breaks_the_rules(self):
        for number in (100, 101, 199):
            lock = read_lock()
            lock.messages["Tag"].member("key").number = number
            self.assertIn(f"Tag.key: {number} is not a number for a member of AWS", rules.check(lock))

    def test_twins_with_different_numbers_or_types_break_the_rules(self):
        lock = read_lock()
        lock.messages["ConverseStreamRequest"].member("outputConfig").number = 50
        self.assertIn("differ in number or type", "".join(rules.check(lock)))
        lock = read_lock()
        lock.messages["ConverseStreamRequest"].member("modelId").type = "bytes"
        self.assertIn("differ in number or type", "".join(rules.check(lock)))

    def test_a_number_that_names_two_members_of_twins_breaks_the_rules(self):
        lock = read_lock()
        member = copy.copy(lock.messages["ConverseRequest"].member("modelId"))
        member.name = "otherId"
        stream = lock.messages["ConverseStreamRequest"]
        stream.members.remove(stream.member("modelId"))
        stream.members.append(member)
        self.assertIn("with number 1 and two names", "".join(rules.check(lock)))

    def test_a_timestamp_that_the_codec_cannot_write_breaks_the_rules_in_requests_only(self):
        lock = read_lock()
        time = l.Member("at", 50, "google.protobuf.Timestamp", codec="timestamp.unixTimestamp")
        lock.messages["TokenUsage"].members.append(time)
        self.assertEqual(rules.check(lock), [])
        lock.messages["ToolSpecification"].members.append(copy.copy(time))
        self.assertEqual(
            rules.check(lock),
            ["ToolSpecification.at: the codec does not write timestamp.unixTimestamp into a body"],
        )


class Releases(unittest.TestCase):
    def test_new_members_and_messages_may_follow_a_release(self):
        lock = read_lock()
        lock.messages["Tag"].members.append(l.Member("new", 3, "string"))
        lock.messages["New"] = l.Message("New", "New", "structure", "new", "9.9.9")
        self.assertEqual(rules.compare_with_release(read_lock(), lock), [])

    def test_what_was_released_may_not_change(self):
        for key, value in (("number", 7), ("type", "bytes"), ("place", "query"), ("wire", "x"), ("since", "9.9.9")):
            lock = read_lock()
            setattr(lock.messages["Tag"].member("key"), key, value)
            self.assertIn(f"Tag.key: {key} was", "".join(rules.compare_with_release(read_lock(), lock)))

    def test_what_was_released_may_not_be_removed(self):
        lock = read_lock()
        del lock.messages["Tag"], lock.operations["Converse"]
        lock.messages["CacheDetail"].members.pop()
        wrong = rules.compare_with_release(read_lock(), lock)
        self.assertEqual(len([w for w in wrong if "is gone" in w]), 3)

    def test_a_message_may_not_move_to_another_file(self):
        lock = read_lock()
        lock.messages["Tag"].file = "tag"
        self.assertIn("message Tag: file was 'async_invoke'", "".join(rules.compare_with_release(read_lock(), lock)))


class Numbers(unittest.TestCase):
    def test_numbers_of_awss_members_leave_out_100_to_199(self):
        self.assertEqual([n for n in range(0, 203) if not numbering.is_awss(n)], [0, *range(100, 200)])

    def test_the_member_after_99_gets_200(self):
        message = l.Message("M", "M", "structure", "m", "1", members=[l.Member("a", 99, "string")])
        self.assertEqual(numbering.next_number(l.Lock({}, {}, messages={"M": message}), message, "b"), 200)

    def test_the_number_of_a_removed_member_is_not_used_again(self):
        message = l.Message("M", "M", "structure", "m", "1", members=[l.Member("a", 5, "string", removed="2")])
        self.assertEqual(numbering.next_number(l.Lock({}, {}, messages={"M": message}), message, "b"), 6)


class Files(unittest.TestCase):
    def lock_of(self, *messages):
        rows = {}
        for name, file, *types in messages:
            members = [l.Member(f"m{i}", i + 1, type_) for i, type_ in enumerate(types)]
            rows[name] = l.Message(name, name, "structure", file, "1", members=members)
        return l.Lock({}, {}, messages=rows)

    def test_a_new_message_gets_the_file_of_a_user_so_that_imports_form_no_circle(self):
        # If it were in A's file, B's file would import A's file, which imports B's.
        lock = self.lock_of(("A", "a", "B", "repeated New"), ("B", "b", "map<string, New>"), ("New", ""))
        files.place(lock, ["New"])
        self.assertEqual(lock.messages["New"].file, "b")

    def test_a_circle_of_old_messages_in_two_files_is_an_error(self):
        lock = self.lock_of(("A", "a", "New"), ("C", "c", "A"), ("New", "", "C"))
        with self.assertRaisesRegex(Unsupported, "message New: every place"):
            files.place(lock, ["New"])


class Words(unittest.TestCase):
    def test_field_names_follow_awss_names(self):
        cases = {"toolUseId": "tool_use_id", "modelARN": "model_arn", "ARNList": "arn_list", "s3Uri": "s3_uri", "topP": "top_p"}
        self.assertEqual({name: names.snake_case(name) for name in cases}, cases)
        self.assertEqual(names.text_field("json"), "json_text")
        self.assertEqual(names.text_field("modelInput"), "model_input_json")

    def test_lines_that_fit_stay_as_people_broke_them(self):
        self.assertEqual(comments.lines("a\nb\n\n- c", "  "), ["  // a", "  // b", "  //", "  // - c"])

    def test_lines_that_are_too_long_are_wrapped(self):
        self.assertTrue(all(len(line) <= comments.WIDTH for line in comments.lines("word " * 60, "    ")))


if __name__ == "__main__":
    unittest.main()
