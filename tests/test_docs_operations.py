"""docs/operations.md says what the steps do: every reason is in it, and clean's examples are what clean does."""

import importlib
import json
import re
from pathlib import Path

import pytest

from tasks.clean import REASONS, clean_examples
from tasks.cleaners.checks import REASONS as CHECKS
from tasks.core.params import CleanParams
from tasks.core.schema import examples_frame
from tasks.dag import STEPS

ROOT = Path(__file__).parents[1]
DOC = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"- (zh|en): `([^`]+)`(?: × (\d+))? → (?:`([^`]*)`|(dropped|kept))")
SECTIONS = {part.split("`", 1)[0]: part for part in DOC.split("\n## ")[1].split("\n#### `")[1:]}


def written(text: str) -> str:
    """The text that an example stands for: its escapes are JSON's."""
    return str(json.loads('"' + text.replace('"', '\\"') + '"'))


EXAMPLES = [
    (reason, language, written(text) * int(times or 1), fate or written(after))
    for reason, part in SECTIONS.items()
    for language, text, times, after, fate in EXAMPLE.findall(part)
]


@pytest.mark.parametrize("step", STEPS)
def test_every_reason_of_a_step_is_in_the_doc(step):
    if not (ROOT / "tasks" / f"{step}.py").is_file():
        pytest.skip(f"no {step} yet")
    reasons = getattr(importlib.import_module(f"tasks.{step}"), "REASONS", ())
    assert [reason for reason in reasons if f"`{reason}`" not in DOC] == []


def test_every_operation_of_clean_has_its_section_in_the_order_in_which_it_runs():
    assert list(SECTIONS) == list(REASONS)


def test_every_operation_has_an_example_in_both_languages():
    assert {(reason, language) for reason, language, _, _ in EXAMPLES} == {
        (reason, language) for reason in REASONS for language in ("zh", "en")
    }


def test_every_param_of_clean_is_in_the_doc():
    names = {*CleanParams.model_fields} - {"rows_per_shard"}
    assert [name for name in sorted(names) if f"`{name}`" not in DOC] == []


@pytest.mark.parametrize(("reason", "text", "fate"), [(r, t, f) for r, _, t, f in EXAMPLES if r not in CHECKS])
def test_an_example_becomes_what_the_doc_says(reason, text, fate):
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "好 fine"}]
    outcome, _ = clean_examples(examples_frame([{"id": "a", "messages": turns}]), CleanParams())
    assert outcome.examples["messages"][0][0]["content"] == fate
    assert reason in outcome.ledger["reason"].to_list()


@pytest.mark.parametrize(("reason", "text", "fate"), [(r, t, f) for r, _, t, f in EXAMPLES if r in CHECKS])
def test_an_example_is_dropped_or_kept_as_the_doc_says(reason, text, fate):
    texts = (text, "好 fine") if reason == "empty_prompt" else ("问 question", text)
    turns = [{"role": role, "content": content} for role, content in zip(("user", "assistant"), texts, strict=True)]
    params = CleanParams(max_repetition_ratio=1 if reason == "too_long" else 0.5)
    outcome, _ = clean_examples(examples_frame([{"id": "a", "messages": turns}]), params)
    assert outcome.ledger.filter(action="drop")["reason"].to_list() == ([reason] if fate == "dropped" else [])
