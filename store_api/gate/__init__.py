"""What stands before every route: for which host, of which page, and by whom a request is."""
