"""What every call passes before its handler, one concern per file.

Not grpc interceptors: those cost a handler lookup per call. These are plain functions and
small objects that ``api.calls`` fuses into one function per method when it is registered.
"""
