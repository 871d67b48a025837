"""Tests of the ledger of movements."""
