"""params.yaml as text: every section and param spelled out, each with its description as a comment."""

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from tasks.core.params import Params, Source

HEADER = """\
# Every setting of every step. One section per step; a comment says what a param is and in which unit.
# Bounds and defaults: tasks/core/params.py.
"""


def spell_out(params: Params) -> str:
    """All of `params` as YAML; `load_params` reads it back equal."""
    parts = [HEADER]
    for name, field in Params.model_fields.items():
        value, title = getattr(params, name), field.alias or name
        if name == "sources":
            parts.append(f"sources: # {field.description}\n{_named(value, 2)}")
        else:
            parts.append(f"{title}: # {_first_line(type(value))}\n{_fields(value, 2)}")
    return "\n".join(parts)


def _fields(section: BaseModel, indent: int) -> str:
    lines = []
    for name, field in type(section).model_fields.items():
        value, margin = getattr(section, name), " " * indent
        if isinstance(value, dict) and any(isinstance(v, BaseModel) for v in value.values()):
            lines.append(f"{margin}{name}: # {field.description}\n{_named(value, indent + 2)}")
        else:
            lines.append(f"{margin}{name}: {_flow(value)} # {field.description}\n")
    return "".join(lines)


def _named(sections: Mapping[str, BaseModel], indent: int) -> str:
    """Sub-sections by name; a source shows only what was set, not its many defaults."""
    text, margin = "", " " * indent
    for name, section in sections.items():
        names = section.model_fields_set if isinstance(section, Source) else set(type(section).model_fields)
        shown = [name for name in type(section).model_fields if name in names]
        text += f"{margin}{name}:\n" + "".join(f"{margin}  {f}: {_flow(getattr(section, f))}\n" for f in shown)
    return text


def _flow(value: Any) -> str:
    """A value on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _first_line(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").splitlines()[0]
