"""Reading the ledger: pages of rows, reports of the past, sums."""
