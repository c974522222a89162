"""Tool calls inside a turn, and the tools a conversation may call.

A call is one line after any text: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, as Qwen and Hermes write it
(https://github.com/NousResearch/Hermes-Function-Calling).
"""

import json
from typing import Any

from tasks.core.schema import canonical
from tasks.formats.conversation import RecordError

OPEN, CLOSE = "<tool_call>", "</tool_call>"


def call_of(value: Any) -> dict[str, Any]:
    """A call from OpenAI's `{"function": {"name", "arguments"}}`, the bare `{"name", "arguments"}` or JSON of either.

    Arguments that are JSON text become an object. Raises RecordError `bad_tools`.
    """
    if isinstance(value, str):
        value = _parsed(value)
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise RecordError("bad_tools", "a tool call is no object with a name")
    arguments = function.get("arguments", function.get("parameters", {}))
    if isinstance(arguments, str):
        parsed = _parsed(arguments)
        arguments = parsed if isinstance(parsed, dict) else arguments
    return {"name": function["name"], "arguments": arguments}


def calls_of(value: Any) -> list[dict[str, Any]]:
    """One call or a list of them, as objects or as JSON text."""
    if isinstance(value, str):
        value = _parsed(value)
    return [call_of(call) for call in (value if isinstance(value, list) else [value])]


def with_calls(text: str, calls: list[dict[str, Any]]) -> str:
    """A turn's content: its text, then one line for each call."""
    return "\n".join([*([text] if text else []), *map(_line, calls)])


def split_calls(content: str) -> tuple[str, list[dict[str, Any]]]:
    """The reverse of `with_calls`; content that it would not have written is all text."""
    if OPEN not in content:
        return content, []
    lines = content.split("\n")
    calls: list[dict[str, Any]] = []
    while lines and lines[-1].startswith(OPEN) and lines[-1].endswith(CLOSE):
        call = _parsed(lines.pop()[len(OPEN) : -len(CLOSE)])
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            return content, []
        calls.insert(0, call)
    text = "\n".join(lines)
    return (text, calls) if calls and with_calls(text, calls) == content else (content, [])


def tools_of(value: Any) -> str | None:
    """Tool definitions as canonical JSON, or None for none, without OpenAI's `{"type": "function", …}` around them.

    Raises RecordError `bad_tools`.
    """
    if isinstance(value, str):
        if not value.strip():
            return None
        value = _parsed(value)
        if value is None:
            raise RecordError("bad_tools", "tools is text that is no JSON")
    if not value:
        return None
    tools = [_parsed(t) if isinstance(t, str) else t for t in (value if isinstance(value, list) else [value])]
    if not all(isinstance(tool, dict) for tool in tools):
        raise RecordError("bad_tools", "tools is no list of objects")
    return canonical([tool["function"] if _is_wrapped(tool) else tool for tool in tools])


def openai_tools(tools: str) -> list[dict[str, Any]]:
    """The definitions in OpenAI's form."""
    return [
        tool if tool.get("type") == "function" else {"type": "function", "function": tool} for tool in json.loads(tools)
    ]


def _is_wrapped(tool: dict[str, Any]) -> bool:
    return set(tool) == {"type", "function"} and tool["type"] == "function" and isinstance(tool["function"], dict)


def _line(call: dict[str, Any]) -> str:
    text = json.dumps({"name": call["name"], "arguments": call.get("arguments", {})}, ensure_ascii=False)
    return f"{OPEN}{text.replace(CLOSE, CLOSE.replace('/', chr(92) + '/'))}{CLOSE}"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
