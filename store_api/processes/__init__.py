"""Other processes: one that does one job, and several that serve one port."""
