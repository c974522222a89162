"""Prodigy's JSONL: `text` with a label, spans or chosen options, and the annotator's verdict as `answer`.

https://prodi.gy/docs/api-interfaces. The text is the prompt, `output` the answer where `columns` of the source say what
it is. Labels of accepted rows are in meta; a row that was not accepted has no answer.
"""

from typing import Any

from tasks.formats.conversation import Conversation, RecordError, objects_of, rest, single_turn, text_of

VERDICTS = ("accept", "reject", "ignore")
MARKS = ("text", "_input_hash", "_task_hash")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has an annotator's verdict."""
    return record.get("answer") in VERDICTS and any(name in record for name in MARKS)


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation. Raises RecordError for an answer that was not accepted."""
    if "output" in record and record.get("answer") != "accept":
        raise RecordError("undesired_answer", f"the annotator's verdict is {record.get('answer')!r}")
    prompt = "instruction" if "instruction" in record else "text"  # a template's, or the text itself
    conversation = single_turn(record, text_of(record.get(prompt), prompt), "output", (prompt,))
    return [conversation._replace(meta={"labels": _labels(record), **conversation.meta})]


def _labels(record: dict[str, Any]) -> list[Any]:
    if record.get("answer") != "accept":
        return []
    chosen = record.get("accept") if isinstance(record.get("accept"), list) else []
    spans = [rest(span, ("token_start", "token_end")) for span in objects_of(record.get("spans"), "spans")]
    return [*(chosen or []), *spans, *([record["label"]] if record.get("label") else [])]
