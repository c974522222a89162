"""Measures of a report, whatever a step calls them, as small tables: single numbers in one, each nested one its own."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Rows under column names; a measure without one has the title ''."""

    title: str
    columns: list[str]
    rows: list[list[Any]]


def tables(measures: dict[str, Any], leave_out: tuple[str, ...] = ()) -> list[Table]:
    """Every measure but those in `leave_out`, by name: first the single ones, then the nested ones."""
    shown = {name: value for name, value in sorted(measures.items()) if name not in leave_out}
    single = [[name, value] for name, value in shown.items() if not _is_nested(value)]
    nested = [_table(name, value) for name, value in shown.items() if _is_nested(value) and value]
    return [Table("", ["measure", "value"], single)] * bool(single) + nested


def compared(title: str, measures: dict[str, dict[str, Any]]) -> Table:
    """The same measures of several things: one column a thing, one row a measure."""
    pairs = {
        name: {" · ".join((*path, key)): value for path, group in _groups(of, ()) for key, value in group.items()}
        for name, of in measures.items()
    }
    rows = dict.fromkeys(row for of in pairs.values() for row in of)
    return Table(title, ["", *pairs], [[row, *(of.get(row) for of in pairs.values())] for row in rows])


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict | list) for v in value))


def _table(name: str, value: Any) -> Table:
    """A list of mappings is a row each; mappings of equal depth a row a path; all else one number a row."""
    if isinstance(value, list):
        rows = [row if isinstance(row, dict) else {"value": row} for row in value]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        return Table(name, columns, [[_flat(row.get(column)) for column in columns] for row in rows])
    groups = list(_groups(value, ()))
    depths = {len(path) for path, _ in groups}
    if len(depths) == 1 and depths != {0}:
        columns = list(dict.fromkeys(column for _, group in groups for column in group))
        rows_of = [[" · ".join(path), *(group.get(column) for column in columns)] for path, group in groups]
        return Table(name, ["", *columns], rows_of)
    pairs = [[" · ".join((*path, key)), value] for path, group in groups for key, value in group.items()]
    return Table(name, ["", "value"], pairs)


def _groups(value: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The innermost mappings below `value` that hold single values, each with its path."""
    single = {str(key): _flat(v) for key, v in value.items() if not isinstance(v, dict)}
    if single:
        yield path, single
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _groups(inner, (*path, str(key)))


def _flat(value: Any) -> Any:
    """A value for one cell."""
    if isinstance(value, list):
        return ", ".join(str(_flat(part)) for part in value)
    return ", ".join(f"{key} {_flat(v)}" for key, v in value.items()) if isinstance(value, dict) else value
