"""`make demo`: a supermarket chain's receipts, replayed against the service, and every store checked."""
