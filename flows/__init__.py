"""The Prefect door: schedules, retries, concurrency and what one sees. The steps themselves are in `tasks`."""

import logging

logging.getLogger("tasks").setLevel(logging.INFO)  # Prefect shows the steps' own logs at this level
