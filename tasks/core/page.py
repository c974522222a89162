"""One self-contained HTML page from a template: escaped, without a request to anywhere.

The page's own policy allows no resource but its inline style and the one script whose hash it names, so that even a
mistake in the template could not run what a row holds.
"""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.core.diff import visible

FOLDER = Path(__file__).parent
SCRIPT = """
document.addEventListener("click", function (event) {
  var id = event.target.closest && event.target.closest("code.id");
  if (!id || !navigator.clipboard) return;
  navigator.clipboard.writeText("instructflow explain " + id.textContent).then(function () {
    id.classList.add("copied");
    setTimeout(function () { id.classList.remove("copied"); }, 900);
  });
});
"""


def render(template: str, values: dict[str, Any], folder: Path = FOLDER) -> str:
    """The template in `folder` with `values`; a name that is not among them raises. It may include what lies here."""
    environment = Environment(
        loader=FileSystemLoader([folder, FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": cell, "percent": percent, "words": words, "visible": visible}
    environment.tests["numeric"] = lambda value: isinstance(value, int | float) or value is None
    script_hash = b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return environment.get_template(template).render(values, script=SCRIPT, script_hash=script_hash)


def cell(value: Any) -> str:
    """A value as people read it: thousands separators, about four digits that say something."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        digits = 0 if value.is_integer() or abs(value) >= 1000 else 1 if abs(value) >= 100 else 3
        return f"{value:,.{digits}f}" if abs(value) >= 1 or not digits else f"{value:.4g}"
    return ", ".join(map(cell, value)) if isinstance(value, list) else str(value)


def percent(part: float | None, whole: float | None) -> str:
    """A share; a dash where there is nothing to have a share of."""
    if not whole or part is None:
        return "–"
    return "100%" if part == whole else f"{part / whole:.1%}"


def words(name: Any) -> str:
    """A lower_snake name as words."""
    return str(name).replace("_", " ")
