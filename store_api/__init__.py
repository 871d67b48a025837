"""The stock service: warehouses hold quantities of items; see README.md for a map of the rooms."""
