"""What the operator sees: log lines, metrics, readiness."""

import os

# prometheus-client has files of its own for several processes, and reads at its import where they are:
# without their folder the service would not start.
for _name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
    os.environ.pop(_name, None)
