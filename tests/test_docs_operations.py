"""docs/operations.md says what the steps do: every reason is in it, and clean's examples are what clean does."""

import importlib
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tokenizers import Tokenizer, models

from tasks.clean import REASONS, clean_examples
from tasks.cleaners.checks import REASONS as CHECKS
from tasks.core.ledger import Outcome
from tasks.core.params import CleanParams
from tasks.core.schema import examples_frame
from tasks.dag import STEPS

ROOT = Path(__file__).parents[1]
DOC = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"- (zh|en): (?:`([^`]+)` ⇒ )?`([^`]+)`(?: × (\d+))? → (?:`([^`]*)`|(dropped|flagged|kept))")
# What an operation needs that does nothing by itself.
SETTINGS = {
    "unicode": {"unicode": "NFKC"},
    "template_values": {"template_values": {"name": "小明"}},
    "half_width": {"half_width": True},
    "simplified": {"simplified": True},
    "too_long": {"repetition": "off"},
}
FATES = {"drop": "dropped", "flag": "flagged"}
SECTIONS = {part.split("`", 1)[0]: part for part in DOC.split("\n## ")[1].split("\n#### `")[1:]}


def written(text: str) -> str:
    """The text that an example stands for: its escapes are JSON's."""
    return str(json.loads('"' + text.replace('"', '\\"') + '"'))


class Example(NamedTuple):
    """One example of the doc: what is done to a text, or to an answer that a prompt may stand before."""

    reason: str
    language: str
    prompt: str | None
    text: str
    becomes: str
    fate: str


EXAMPLES = [
    Example(reason, language, written(prompt) or None, written(text) * int(times or 1), written(becomes), fate)
    for reason, part in SECTIONS.items()
    for language, prompt, text, times, becomes, fate in EXAMPLE.findall(part)
]


@pytest.fixture
def letters(tmp_path: Path) -> str:
    """A tokenizer whose tokens are characters."""
    tokenizer = Tokenizer(models.BPE(vocab={"o": 0, "长": 1}, merges=[]))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return str(tmp_path / "tokenizer.json")


def cleaned(prompt: str, answer: str, language: str = "und", **settings: Any) -> tuple[Outcome, list[dict[str, Any]]]:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    rows = examples_frame([{"id": "a", "messages": turns, "language": language}])
    outcome, _ = clean_examples(rows, CleanParams(**settings))
    return outcome, outcome.ledger.to_dicts()


@pytest.mark.parametrize("step", STEPS)
def test_every_reason_of_a_step_is_in_the_doc(step):
    if not (ROOT / "tasks" / f"{step}.py").is_file():
        pytest.skip(f"no {step} yet")
    reasons = getattr(importlib.import_module(f"tasks.{step}"), "REASONS", ())
    assert [reason for reason in reasons if f"`{reason}`" not in DOC] == []


def test_every_operation_of_clean_has_its_section_in_the_order_in_which_it_runs():
    assert list(SECTIONS) == list(REASONS)


def test_every_operation_has_an_example_in_both_languages():
    assert {(example.reason, example.language) for example in EXAMPLES} == {
        (reason, language) for reason in REASONS for language in ("zh", "en")
    }


def test_every_param_of_clean_is_in_the_doc():
    names = {*CleanParams.model_fields} - {"rows_per_shard"}
    assert [name for name in sorted(names) if f"`{name}`" not in DOC] == []


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.reason not in CHECKS], ids=str)
def test_a_text_becomes_what_the_doc_says(example):
    outcome, lines = cleaned(example.text, "好 fine", **SETTINGS.get(example.reason, {}))
    assert outcome.examples["messages"][0][0]["content"] == example.becomes
    assert example.reason in [line["reason"] for line in lines]


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.reason in CHECKS], ids=str)
def test_an_answer_is_dropped_flagged_or_kept_as_the_doc_says(example, letters):
    question = {"zh": "请问是什么？", "en": "What is it, please?"}[example.language]
    texts = (example.prompt or question, example.text)
    if example.reason == "empty_prompt":
        texts = (example.text, "好 fine")
    settings: dict[str, Any] = dict(SETTINGS.get(example.reason, {}))
    if example.reason == "too_many_tokens":
        settings |= {"tokenizer": letters, "max_tokens": 50, "repetition": "off"}
    _, lines = cleaned(*texts, language="fr" if example.reason == "source_language" else "und", **settings)
    found = [(line["reason"], FATES[line["action"]]) for line in lines if line["action"] in FATES]
    assert found == ([] if example.fate == "kept" else [(example.reason, example.fate)])
