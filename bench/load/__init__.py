"""What puts load on a service: clients, crowds of sockets, wrk."""
