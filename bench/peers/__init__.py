"""What the service is compared with, each a program that listens on PORT."""
