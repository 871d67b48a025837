"""Tests of the evening report."""
