"""Faults of a real replica set of three, under load: nothing acknowledged is lost, all sockets come good."""
