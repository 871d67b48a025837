"""What stores hold, and what operations mean; pure."""
