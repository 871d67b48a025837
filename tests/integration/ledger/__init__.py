"""The ledger on a real MongoDB: it never disagrees with the stock."""
