"""Once a day: whose report it is to send, and how it is sent."""
