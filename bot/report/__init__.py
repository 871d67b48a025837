"""What a report says; pure."""
