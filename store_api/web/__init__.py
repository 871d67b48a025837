"""The only rooms, with `pages`, that know the web server."""
