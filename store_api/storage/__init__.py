"""Stores in MongoDB: the only rooms with the driver."""
