"""What the operator sees: log lines, metrics, readiness."""
