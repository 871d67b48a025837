"""Those who use the service while it is tortured, and note what they are told."""
