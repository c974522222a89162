"""What one sees of a stage in the Prefect UI: its report as a table, its plots as images, the build's progress."""

import base64
import re
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import (
    create_image_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from tasks.core.plots import step_plots
from tasks.core.report import Report


def publish(stage: str, report: Report) -> None:
    """Leave the stage's report table and plots as artifacts of the flow run."""
    key = artifact_key(stage)
    create_table_artifact(table=report_rows(report), key=key, description=f"What **{stage}** did")
    for title, svg in step_plots(report).items():
        create_image_artifact(image_url=data_uri(svg), key=f"{key}-{artifact_key(title)}", description=title)


def report_rows(report: Report) -> list[dict[str, Any]]:
    """A report as rows of (what, value): the row balance, the ledger by reason, the single measures."""
    rows: list[tuple[str, Any]] = [("rows in", report.rows_in), ("rows out", report.rows_out)]
    rows += [(f"{action}: {reason}", n) for action, by in report.ledger.items() for reason, n in by.items()]
    rows += [(name, value) for name, value in report.measures.items() if isinstance(value, str | int | float)]
    return [{"what": what, "value": value} for what, value in rows if value is not None]


def data_uri(svg: str) -> str:
    """An SVG as an address that needs no host."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def artifact_key(text: str) -> str:
    """Text in the form that Prefect asks of a key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


class Progress:
    """The share of a build's stages that are done, as a progress artifact."""

    def __init__(self, n_stages: int) -> None:
        self.n_stages, self.n_done = n_stages, 0
        created = create_progress_artifact(progress=0.0, key="build-progress", description=f"{n_stages} stages")
        self._id = cast(UUID, created)

    def advance(self) -> None:
        """One more stage is done."""
        self.n_done += 1
        update_progress_artifact(self._id, progress=round(100 * self.n_done / self.n_stages, 1))
