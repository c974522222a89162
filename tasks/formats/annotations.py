"""What annotation tools take and give: an example goes out as a text with choices, a label comes back with its id.

Each tool's form stands here in both directions. Doccano keeps extra fields, Prodigy keeps `meta`, LightTag `metadata`:
our id travels in `example_id` there. Doccano's own `id` and Prodigy's hashes are theirs and are neither read nor made.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.core.errors import SourceError
from tasks.core.schema import ROLES, Message
from tasks.formats.conversation import RecordError
from tasks.formats.json_text import parse

SPEAKERS = {"system": "SYSTEM", "user": "USER", "assistant": "ASSISTANT", "tool": "TOOL"}


class Label(NamedTuple):
    """What one annotator said of one example: a type, a corrected conversation, or both."""

    id: str
    instruction_type: str | None
    messages: list[Message] | None
    annotator: str
    file: str


def transcript(messages: list[Message]) -> str:
    """A conversation as people read it."""
    return "\n\n".join(f"{SPEAKERS[m['role']]}\n{m['content']}" for m in messages)


def to_doccano(example: dict[str, Any]) -> dict[str, Any]:
    """One line for Doccano (text classification); the label that the rules gave is already set."""
    named = {name: example[name] for name in ("language", "source", "type_confidence")}
    text = transcript(example["messages"])
    return {"text": text, "label": [example["instruction_type"]], "example_id": example["id"], **named}


def to_prodigy(example: dict[str, Any], types: dict[str, str]) -> dict[str, Any]:
    """One line for Prodigy's choice interface; `types` are the ids of the options with the text that is shown."""
    options = [{"id": name, "text": f"{name}: {definition}"} for name, definition in types.items()]
    meta = {"example_id": example["id"], "source": example["source"], "rules_say": example["instruction_type"]}
    return {"text": transcript(example["messages"]), "options": options, "meta": meta}


def read_labels(file: Path, name: str) -> Iterator[Label | None]:
    """Every line of an export as a Label; None for one that people left unlabelled, skipped or rejected.

    Raises SourceError that names file (as `name`), line, what was wrong and what was expected.
    """
    for place, record in _records(file, name):
        where = f"{name}#{place}"
        form = next((form for form in FORMS if form.is_row(record)), None)
        if form is None:
            raise SourceError(
                f"{where}: no known annotation with the fields {sorted(record)}; expected {{id, instruction_type or "
                "messages}, or an export of Doccano, Prodigy or LightTag that has our example_id"
            )
        try:
            labels: list[Label | None] = [label._replace(file=name) for label in form.read(record, where, file.stem)]
        except (AttributeError, KeyError, TypeError):
            raise SourceError(f"{where}: a field is not of the form that {form.tool} exports") from None
        yield from labels or [None]


def _records(file: Path, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line or index, object) of JSON lines, of a JSON array, or of LightTag's object with `examples`."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{name}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise SourceError(f"{name}: cannot be read: {error.strerror}") from None
    try:
        whole = parse(text.encode())
    except RecordError:
        pieces = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip()]
        whole = None
    if whole is None:
        values = [(place, _parsed(line, f"{name}#{place}")) for place, line in pieces]
    elif isinstance(whole, dict):
        inner = whole.get("dataset")
        nested = whole.get("examples") or (inner.get("examples") if isinstance(inner, dict) else None)
        values = list(enumerate(nested if isinstance(nested, list) else [whole]))
    else:
        values = list(enumerate(whole if isinstance(whole, list) else [whole]))
    for place, value in values:
        if not isinstance(value, dict):
            raise SourceError(f"{name}#{place}: {type(value).__name__}, expected an object")
        yield place, value


def _parsed(line: str, where: str) -> Any:
    try:
        return parse(line.encode())
    except RecordError as error:
        raise SourceError(f"{where}: not JSON: {error}") from None


def _ours(record: dict[str, Any], where: str, stem: str) -> Iterator[Label]:
    messages = record.get("messages")
    if messages is not None:
        _check_messages(messages, where)
    if record.get("instruction_type") is None and messages is None:
        return
    yield Label(_id(record.get("id"), where), record.get("instruction_type"), messages, _who(record, stem), "")


def _doccano(record: dict[str, Any], where: str, stem: str) -> Iterator[Label]:
    labels = [value["label"] if isinstance(value, dict) else value for value in record["label"]]
    if len(labels) > 1:
        raise SourceError(f"{where}: {len(labels)} labels {labels}; expected one instruction type")
    for label in labels:
        yield Label(_id(record.get("example_id"), where), label, None, _who(record, stem), "")


def _prodigy(record: dict[str, Any], where: str, stem: str) -> Iterator[Label]:
    if record["answer"] != "accept":
        return
    chosen = record.get("accept") or ([record["label"]] if record.get("label") else [])
    if len(chosen) > 1:
        raise SourceError(f"{where}: {len(chosen)} options accepted {chosen}; expected one instruction type")
    for label in chosen:
        example_id = (record.get("meta") or {}).get("example_id")
        yield Label(_id(example_id, where), label, None, str(record.get("_annotator_id") or _who(record, stem)), "")


def _lighttag(record: dict[str, Any], where: str, stem: str) -> Iterator[Label]:
    example_id = (record.get("metadata") or {}).get("example_id", record.get("example_id"))
    for entry in record.get("classifications") or []:
        for vote in entry.get("classified_by") or [{}]:
            who = str(vote.get("annotator") or vote.get("annotator_id") or stem)
            yield Label(_id(example_id, where), entry.get("classname"), None, who, "")


def _id(value: Any, where: str) -> str:
    if isinstance(value, str) and len(value) == 32:
        return value
    raise SourceError(f"{where}: example id {value!r}; expected the 32 hex digits that the export carried")


def _who(record: dict[str, Any], stem: str) -> str:
    """The annotator; an export by annotator has a file for each."""
    return str(record.get("annotator") or stem)


def _check_messages(messages: Any, where: str) -> None:
    is_list = isinstance(messages, list) and messages and all(isinstance(m, dict) for m in messages)
    if not is_list or any(m.get("role") not in ROLES or not isinstance(m.get("content"), str) for m in messages):
        raise SourceError(f"{where}: messages are no list of {{role, content}} with a role of {', '.join(ROLES)}")
    if messages[-1]["role"] != "assistant" or not messages[-1]["content"].strip():
        raise SourceError(f"{where}: the edited conversation does not end with an assistant turn that says something")
    for message in messages:
        for name in set(message) - {"role", "content"}:
            raise SourceError(f"{where}: a message has the field {name!r}; expected role and content")


class Form(NamedTuple):
    """How one tool's record is known and read."""

    tool: str
    is_row: Callable[[dict[str, Any]], bool]
    read: Callable[[dict[str, Any], str, str], Iterator[Label]]


FORMS = (
    Form("Prodigy", lambda r: "answer" in r and "text" in r, _prodigy),
    Form("LightTag", lambda r: "content" in r and ("classifications" in r or "annotations" in r), _lighttag),
    Form("Doccano", lambda r: "text" in r and isinstance(r.get("label"), list), _doccano),
    Form("instructflow", lambda r: "id" in r and ("instruction_type" in r or "messages" in r), _ours),
)
