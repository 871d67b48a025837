"""What browsers are served: the dashboard, and the documents of the API."""
