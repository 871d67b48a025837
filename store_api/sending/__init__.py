"""Commands that write: none waits for a held document, or for a primary that is none any more."""
