"""Group commit: operations that come while a write is in flight go out together."""
