"""What is done to the service, its MongoDB and its network."""
