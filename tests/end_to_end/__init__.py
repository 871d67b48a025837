"""Tests of the served program."""
