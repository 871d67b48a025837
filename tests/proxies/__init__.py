"""The examples of proxies, run as they are: only ports, files and time-outs are others."""
