"""Preference pairs: the chosen answer is the answer, the rejected one stays in meta.

KTO rows, one answer with a true or false `label`: a false one says that the answer is not wanted, so there is none. The
prompt is a text or turns under `conversations`, `messages`, `prompt` or alpaca's names; or chosen and rejected are
whole conversations, as lists of turns or, as in HH-RLHF, as transcripts.
"""

from typing import Any

from tasks.formats import alpaca, messages, prompt_completion, qa, sharegpt, text
from tasks.formats.conversation import ANSWER_FIELDS, Conversation, Form, RecordError, rest

PROMPTS = ("conversations", "messages", "prompt", "question", "query", "instruction")
FIRST_SPEAKERS = ("user", "human", "system")  # whoever begins a whole conversation


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a chosen and a rejected answer, or one answer with a verdict."""
    return ("chosen" in record and "rejected" in record) or _judged(record) is not None


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation that ends with the chosen answer. Raises RecordError where the only answer is not wanted."""
    if judged := _judged(record):
        if not record["label"]:
            raise RecordError("undesired_answer", "label is false")
        return judged.read(record)
    chosen, others = record.get("chosen"), rest(record, ("chosen",))
    if isinstance(chosen, dict | list):
        return _of_turns(others, chosen if isinstance(chosen, list) else [chosen])
    prompt = next((others[field] for field in PROMPTS if isinstance(others.get(field), list)), None)
    if prompt:
        names = ("from", "value") if isinstance(prompt[0], dict) and "from" in prompt[0] else ("role", "content")
        return _of_turns(others, [dict(zip(names, ("assistant", chosen), strict=True))])
    for form, field in ((alpaca, "output"), (prompt_completion, "completion"), (qa, "answer")):
        if form.is_row(others):
            return _read_with(form, others, field, chosen)
    return _read_with(text, others, "text", chosen)


def _judged(record: dict[str, Any]) -> Form | None:
    """The format of a KTO row (https://huggingface.co/docs/trl/kto_trainer), None for any other."""
    if not isinstance(record.get("label"), bool):
        return None
    forms: tuple[Form, ...] = (messages, sharegpt, prompt_completion)
    return next((form for form in forms if form.is_row(record)), None)


def _of_turns(others: dict[str, Any], chosen: list[Any]) -> list[Conversation]:
    if not chosen or not isinstance(chosen[0], dict):
        raise RecordError("wrong_form", "chosen is no answer and no list of turns")
    field, role, content = (
        ("conversations", "from", "value") if "from" in chosen[0] else ("messages", "role", "content")
    )
    turns = chosen
    if chosen[0].get(role) not in FIRST_SPEAKERS:
        given = next((name for name in PROMPTS if others.get(name)), None)
        prompt = others[given] if given else []
        others = rest(others, (given or "",))
        turns = [*(prompt if isinstance(prompt, list) else [{role: "user", content: prompt}]), *chosen]
    return _read_with(sharegpt if field == "conversations" else messages, others, field, turns)


def _read_with(form: Form, others: dict[str, Any], field: str, value: Any) -> list[Conversation]:
    """What `form` reads when `field` is `value`; what would be another answer goes to meta."""
    hidden = {field, *ANSWER_FIELDS}
    shadowed = {name: others[name] for name in others if name in hidden}
    return [c._replace(meta={**c.meta, **shadowed}) for c in form.read({**rest(others, hidden), field: value})]
