"""What is promised to clients, as data: bodies, answers, problems, endpoints, channels; pure."""
