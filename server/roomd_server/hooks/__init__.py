"""The hook plane: stored hooks, worker sessions, and the calls between them."""
