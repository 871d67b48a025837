"""Tests, by what they need: nothing (unit), a real MongoDB (integration), the served program (end_to_end)."""
