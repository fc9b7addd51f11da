"""What operators see: names of metrics, the page they are read from, what may be written down."""
