"""The params file: read and checked, and spelled out with each param's description as a comment."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tasks.core.errors import ParamsError
from tasks.core.params import Params, Source

MOST_CHARS = 200  # of a wrong value are shown

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


def parse_params(content: Any, where: str) -> Params:
    """Check a mapping against the sections; raises ParamsError that names file, param, what was wrong and expected."""
    if not isinstance(content, dict):
        raise ParamsError(f"{where}: expected a mapping of sections, found {type(content).__name__}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ParamsError("\n".join(f"{where}: {_sentence(e)}" for e in error.errors())) from None


def _sentence(error: Any) -> str:
    param = ".".join(str(part) for part in error["loc"]) or "(whole file)"
    if error["type"] == "extra_forbidden":
        section: Any = Params
        for part in error["loc"][:-1]:
            field = getattr(section, "model_fields", {}).get("validate_" if part == "validate" else part)
            section = field.annotation if field else Source
        known = sorted(field.alias or name for name, field in getattr(section, "model_fields", {}).items())
        return f"{param}: no such param; expected one of {known}"
    if error["type"] == "value_error":  # of our own validators, which say all
        return f"{param}: {error['ctx']['error']}"
    if error["type"] in ("model_type", "dict_type"):
        return f"{param}: expected params as `name: value`, found {_short(error['input'])}"
    if error["loc"][-1:] == ("[key]",):
        return f"{param.removesuffix('.[key]')}: expected a name of a-z, 0-9 and _ that begins with a letter"
    return f"{param}: {error['msg']}, got {_short(error['input'])}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"


class _Loader(yaml.SafeLoader):
    """YAML where no name comes twice in a mapping: the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Read a mapping; raises YAMLError for a name that comes twice."""
        names = Counter(str(key.value) for key, _ in node.value)
        if twice := [name for name, n in names.items() if n > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} comes twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load_params(path: Path) -> Params:
    """Read a params file; raises ParamsError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; expected a params file") from None
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read: {error.strerror}; expected a params file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ParamsError(f"{path}: nested too deeply; expected a mapping of sections") from None
    return parse_params(content if content is not None else {}, str(path))
