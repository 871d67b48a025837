"""Tests against a real MongoDB."""
