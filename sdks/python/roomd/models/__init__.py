"""The data of the API: immutable pydantic models, changed with ``model_copy``."""
