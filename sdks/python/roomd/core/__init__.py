"""Small tools for applications; the engine itself is in the service."""
