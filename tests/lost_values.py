"""What of a record is not in the conversations that were read from it; for tests that nothing is lost."""

import json
from collections.abc import Iterator
from typing import Any

ROLE_NAMES = ("role", "from", "speaker", "type")  # their values become roles, in other words


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every text, number and boolean with its path; of JSON in a text what it holds."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{place}")
    elif isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            yield from leaves(json.loads(value), path)
        except ValueError:
            yield path, value
    elif value not in (None, ""):
        yield path, value


def lost_values(record: dict[str, Any], conversations: list[tuple[list[dict[str, str]], str | None, Any]]) -> list[str]:
    """The paths of values of `record` that are in no (messages, tools, meta)."""
    contents = "\n".join(m["content"] for messages, _, _ in conversations for m in messages)
    lines = [
        line.removeprefix("<tool_call>").removesuffix("</tool_call>").replace("<\\/tool_call>", "</tool_call>")
        for line in contents.split("\n")
    ]
    kept = [value for _, value in leaves([lines, *conversations])]
    whole, numbers = "\n".join([contents, *(v for v in kept if isinstance(v, str))]), {repr(v) for v in kept}
    return [
        path
        for path, value in leaves(record)
        if path.rsplit(".", 1)[-1] not in ROLE_NAMES and not _is_kept(value, whole, numbers)
    ]


def _is_kept(value: Any, whole: str, numbers: set[str]) -> bool:
    if isinstance(value, str):
        return value.strip() in whole
    return bool({repr(value), repr(float(value))} & numbers) or json.dumps(value) in whole
