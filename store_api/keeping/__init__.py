"""Sees to it that one process keeps the ledger, whichever serve."""
