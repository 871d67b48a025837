"""The stack of docker-compose.yml on a real Docker engine, which is the tests' own: `make compose-check`."""
