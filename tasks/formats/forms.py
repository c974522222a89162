"""Which format the records of a source are in, decided once from its first records, and their conversations.

`columns` and `template` of the source are applied before a format looks at a record.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tasks.core.errors import ParamsError, SourceError
from tasks.core.params import Source
from tasks.formats import (
    alpaca,
    chatterbot,
    dialog_crosswoz,
    dialog_sgd,
    doccano,
    humaneval,
    lighttag,
    messages,
    multiple_choice,
    preference,
    prodigy,
    prompt_completion,
    qa,
    seed_tasks,
    sharegpt,
    text,
    turns,
    xtuner,
)
from tasks.formats.conversation import ANSWER_FIELDS, LABEL_FIELDS, Conversation, Form, RecordError

CONTAINERS = ("auto", "csv", "tsv", "parquet", "huggingface")  # formats that say nothing of the fields
FIRST_RECORDS = 100  # that decide
_PLACE = re.compile(r"\{([^{}]*)\}")


# The most particular first: a record belongs to the first that recognises it.
FORMS: dict[str, Form] = {
    "dialog_sgd": dialog_sgd, "dialog_crosswoz": dialog_crosswoz, "preference": preference, "prodigy": prodigy,
    "lighttag": lighttag, "messages": messages, "sharegpt": sharegpt, "xtuner": xtuner, "chatterbot": chatterbot,
    "turns": turns, "seed_tasks": seed_tasks, "humaneval": humaneval, "multiple_choice": multiple_choice,
    "alpaca": alpaca, "prompt_completion": prompt_completion, "qa": qa, "doccano": doccano, "text": text,
}  # fmt: skip
NAMES = {
    *ANSWER_FIELDS, "instruction", "input", "prompt", "query", "question", "text", "messages", "conversations",
    "system", "history", "tools", "chosen", "rejected",
}  # fmt: skip
# What a source's `columns` may name: all that a format reads.
FIELDS = NAMES | {
    *LABEL_FIELDS, "context", "conversation", "dialogue", "dialog", "content", "turns", "reference", "choices",
    "instances", "user", "assistant", "categories", "canonical_solution", "entities", "cats", "spans", "accept",
    "annotations", "classifications", "instruction_type", "Question", "Answer", "A", "B", "C", "D", "E",
}  # fmt: skip


def is_row(record: dict[str, Any]) -> bool:
    """Whether any format recognises the record."""
    return any(form.is_row(record) for form in FORMS.values())


@dataclass(frozen=True)
class Plan:
    """How the records of one source are read."""

    name: str
    columns: dict[str, str | int]
    template: str | None
    renames: dict[str, str] = field(default_factory=dict)  # columns that differ from a known name in case only

    def fields(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record by the names that formats know. Raises RecordError when a column of the template is not there."""
        if not self.columns and not self.renames and self.template is None:
            return record
        fields = {**{self.renames.get(name, name): value for name, value in record.items()}, **self._mapped(record)}
        hidden = self._hidden(record)
        if self.template is None:
            return {name: value for name, value in fields.items() if name not in hidden}
        used = _PLACE.findall(self.template)
        known = {**record, **fields}
        if missing := [name for name in used if known.get(name) is None]:
            raise RecordError("missing_column", f"the template wants {missing[0]!r}")
        prompt = _PLACE.sub(lambda place: str(known[place[1]]), self.template)
        hidden |= {"input", *(name for name in used if name not in ANSWER_FIELDS)}
        return {**{name: value for name, value in fields.items() if name not in hidden}, "instruction": prompt}

    def _mapped(self, record: dict[str, Any]) -> dict[str, Any]:
        columns = {field: _actual(record, column) for field, column in self.columns.items()}
        return {field: _one_text(field, record[name]) for field, name in columns.items() if name is not None}

    def _hidden(self, record: dict[str, Any]) -> set[str]:
        """Fields that a format must not see: other answers, where `columns` says which one is the answer."""
        if not any(field in self.columns for field in ANSWER_FIELDS):
            return set()
        verdict = {"answer"} if prodigy.is_row(record) else set()
        return set(ANSWER_FIELDS) - set(self.columns) - verdict

    def _meta(self, meta: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
        """`meta` without the columns that became fields, and with those whose name another one took."""
        if not self.columns and self.template is None:
            return meta
        read = {_actual(record, column) for column in self.columns.values()}
        places = {*self.columns, *self._hidden(record)}
        if self.template is not None:
            used = set(_PLACE.findall(self.template))
            read |= used
            places |= {"instruction", "input"} - used
        kept = {name: value for name, value in meta.items() if name not in read}
        return {**kept, **{name: record[name] for name in sorted(places - read) if name in record}}

    def conversations(self, record: dict[str, Any]) -> list[Conversation]:
        """The record's conversations. Raises RecordError."""
        fields = self.fields(record)
        form = FORMS[self.name]
        if not form.is_row(fields):
            raise RecordError("wrong_form", f"not {self.name}: it has the fields {sorted(fields)}")
        return [c._replace(meta=self._meta(c.meta, record)) for c in form.read(fields)]


def plan_of(first: list[dict[str, Any]], source: Source, name: str) -> Plan:
    """The plan for a source that begins with the records `first`.

    Raises ParamsError for a column or template name that no record has, a name of `columns` that nothing reads, or a
    format that none of them is in, and SourceError when no format recognises them.
    """
    names = list(dict.fromkeys(n for record in first for n in record))
    used = _PLACE.findall(source.template or "")
    if unread := sorted(set(source.columns) - FIELDS - {*used, source.family_key, source.score_field}):
        raise ParamsError(
            f"sources.{name}: columns: {unread[0]!r} is no field that a format reads, nor one of the template or the "
            f"family_key; expected some of {sorted(FIELDS)}"
        )
    for column in [*source.columns.values(), *(n for n in used if n not in source.columns)]:
        if not any(_actual(record, column) is not None for record in first):
            raise ParamsError(f"sources.{name}: no column {column!r}; the file has {names}")
    if source.template is not None and not used:
        raise ParamsError(f"sources.{name}: template {source.template!r} names no column; expected one in {{braces}}")
    renames = {n: n.strip().lower() for n in names if n.strip().lower() in NAMES and n.strip().lower() not in names}
    draft = Plan("", source.columns, source.template, renames)
    fields = [_tried(draft, record) for record in first]
    wanted: list[str] = list(FORMS) if source.format in CONTAINERS else [source.format]
    votes = Counter(next((f for f in wanted if FORMS[f].is_row(record)), "") for record in fields)
    del votes[""]
    if votes:
        return Plan(min(votes, key=lambda f: (-votes[f], wanted.index(f))), source.columns, source.template, renames)
    if source.format in CONTAINERS:
        raise SourceError(
            f"sources.{name}: cannot tell the format: the first records have the fields {names}; "
            "say which are which, as in `columns: {instruction: …, output: …}`"
        )
    raise ParamsError(f"sources.{name}: format {source.format} fits none of the first records, which have {names}")


def _tried(plan: Plan, record: dict[str, Any]) -> dict[str, Any]:
    try:
        return plan.fields(record)
    except RecordError:
        return {}


def _one_text(field: str, value: Any) -> Any:
    """A list of labels that `columns` says is the answer, as one text."""
    is_labels = field in ANSWER_FIELDS and isinstance(value, list) and all(isinstance(item, str) for item in value)
    return ", ".join(value) if is_labels and value else value


def _actual(record: dict[str, Any], column: str | int) -> str | None:
    if isinstance(column, int):
        names = list(record)
        return names[column] if -1 < column < len(names) else None
    return column if column in record else None
