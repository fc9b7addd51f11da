"""The engine: rules and order. No I/O, no clock, no randomness, no gRPC, no SQL."""
