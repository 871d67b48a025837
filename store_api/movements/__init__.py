"""Reading the ledger: pages of movements, what a store held at a moment, its pieces over time, sums."""
