"""What stands behind channels."""
