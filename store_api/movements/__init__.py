"""Reading the ledger: pages of movements, what a store held at a moment, and its pieces over time."""
