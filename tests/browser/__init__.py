"""The dashboard and the documents in a real Chromium."""
