"""gRPC at the edge: who calls, is it allowed, is it valid, and how errors look outside.

No business rules: handlers come in through ``Routes`` and are plain functions of a caller
and a message. Nothing below this package knows gRPC.
"""
