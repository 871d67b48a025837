"""How requests are read: what bytes and header fields mean (RFC 9110, 9112 and 7240), or why not."""
