"""Reading the ledger, against MongoDB."""
