"""Other processes: one that does one job, and several that serve one port."""

from store_api.processes.job import run_job
from store_api.processes.workers import run_workers

__all__ = ["run_job", "run_workers"]
