"""The ledger: every change of stock, whoever made it, as rows that stay; kept by one process at a time."""
