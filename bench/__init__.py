"""The demo and side-by-side measurements: clients of a running service, over HTTP alone."""
