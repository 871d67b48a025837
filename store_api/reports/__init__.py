"""What a report looks like as bytes."""
