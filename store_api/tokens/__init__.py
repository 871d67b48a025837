"""Tokens of callers: where they are kept, and the command that makes, lists and revokes them."""
