"""Reading what the service has stored."""
