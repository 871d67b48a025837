"""What tests share: programs they start, stand-ins they talk to, and ways to watch."""
