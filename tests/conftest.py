"""What all tests share."""

import os

from hypothesis import settings

settings.register_profile("same every time", derandomize=True, deadline=None)
settings.load_profile("same every time")

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: as both doors do

# A test that imports flows lets Prefect have the log of tasks; the tests after it call steps without a flow.
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
