"""Watching MongoDB's change stream; knows nothing of the service that is told."""
