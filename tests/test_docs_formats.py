"""docs/formats.md says what the code does: every format and reason is in it, and its examples are what it says."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from tasks.core.params import Format, Source
from tasks.formats import messages, sharegpt
from tasks.formats.conversation import REASONS, tidy
from tasks.formats.examples import read_examples_of
from tasks.formats.forms import CONTAINERS, FORMS
from tasks.formats.read import Reject
from tasks.formats.rows import rows
from tasks.ingest import REASONS as MOVES

DOC = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")


def table(title: str) -> list[list[str]]:
    """The rows of the first table of a section, cell by cell."""
    lines = DOC.split(f"\n## {title}\n")[1].split("\n## ")[0].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|---"))
    found = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


EXAMPLES = {format_.strip("`"): json.loads(record.strip("`")) for format_, record, _ in table("Formats")}
DAMAGE = {line[0].strip("` |"): line[2].strip("` |") if len(line) > 2 else "" for line in table("Damage")}


def test_every_format_is_in_the_doc():
    assert set(EXAMPLES) == set(FORMS)
    assert all(f"`{name}`" in DOC for name in get_args(Format))
    assert set(get_args(Format)) == set(EXAMPLES) | set(CONTAINERS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_format_is_known_as_that_format_and_read(name):
    assert next(form for form in FORMS if FORMS[form].is_row(EXAMPLES[name])) == name
    (conversation, *_) = FORMS[name].read(EXAMPLES[name])
    assert conversation.messages[-1]["content"]


def test_the_formats_stand_in_the_order_in_which_they_are_tried():
    assert list(EXAMPLES) == list(FORMS)


def test_every_reason_to_reject_is_in_the_doc():
    assert list(DAMAGE) == sorted(DAMAGE)
    assert set(DAMAGE) == set(REASONS)


GOOD = [
    {"instruction": "Say hi. 你好", "output": "hi"},
    {"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "Hi"}]},
    {"prompt": "说一个偶数", "completion": "four", "label": True},
]


@pytest.mark.parametrize("reason", [reason for reason, example in DAMAGE.items() if example])
def test_the_example_of_a_reason_is_rejected_for_it(tmp_path, reason):
    example = DAMAGE[reason]
    good = next((g for g in GOOD[1:] if next(iter(g)) in example), GOOD[0])
    (tmp_path / "x.jsonl").write_text(f"{json.dumps(good)}\n{example}\n", encoding="utf-8")
    _, stream = rows(tmp_path / "x.jsonl", Source(), "x")
    reading = read_examples_of(stream, "x", Source(), lambda frame: None)
    assert [(r.row, r.error) for r in reading.rejects if isinstance(r, Reject)] == [("x.jsonl#2", reason)]


def test_the_moves_of_turns_are_in_the_doc():
    assert {reason.strip("`") for reason, _ in table("Turns")} == set(MOVES)


def test_every_role_and_loss_weight_is_in_the_field_map():
    told = set(re.findall(r"\w+", " ".join(line[0] for line in table("Field map"))))
    assert {*messages.ROLES, *messages.WEIGHTS, *sharegpt.ROLES} <= told


def test_tool_calls_and_reasoning_are_written_as_the_doc_says():
    call = {"function": {"name": "f", "arguments": "{}"}}
    turns = [{"role": "user", "content": "算"}, {"role": "assistant", "reasoning_content": "hm", "tool_calls": [call]}]
    (conversation,) = messages.read({"messages": turns})
    content = tidy(conversation)[0].messages[-1]["content"]
    assert content == '<think>\nhm\n</think>\n<tool_call>{"name": "f", "arguments": {}}</tool_call>'
