"""Large parallel loads."""
