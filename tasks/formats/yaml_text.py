"""ChatterBot's YAML files as records: one for each conversation, with its line and the file's categories.

The file is composed to nodes and never constructed to objects: no tag is obeyed, and a scalar is the text it was.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from tasks.formats.conversation import RecordError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CATEGORIES, _CONVERSATIONS = "categories", "conversations"


def conversations(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and record of every conversation. Raises RecordError `bad_yaml`."""
    try:
        root = yaml.compose(text, Loader=_Loader)
        top = {str(key.value): node for key, node in root.value} if isinstance(root, yaml.MappingNode) else {}
        entries = top.get(_CONVERSATIONS)
        if not isinstance(entries, yaml.SequenceNode):
            raise RecordError("bad_yaml", f"no list under {_CONVERSATIONS!r}")
        room = iter(range(2 * len(text)))  # a file without aliases has no more nodes
        common = {name: _value(node, room) for name, node in top.items() if name != _CONVERSATIONS}
        for entry in entries.value:
            yield entry.start_mark.line + 1, {_CATEGORIES: [], **common, "conversation": _value(entry, room)}
    except yaml.YAMLError as error:
        raise RecordError("bad_yaml", " ".join(str(error).split())) from None
    except RecursionError:
        raise RecordError("too_deep", "nested too deeply") from None


def _value(node: yaml.Node, room: Iterator[int]) -> Any:
    """The node as lists, mappings and texts; each takes one from `room`, so that aliases of aliases do not explode."""
    if next(room, None) is None:
        raise RecordError("too_long", "aliases make it many times as long as the file")
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, room) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _value(item, room) for key, item in node.value}
    return node.value
