"""Makes mongods a replica set, with a user for the service and one for other programs; safe to run again."""
