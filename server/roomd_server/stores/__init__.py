"""Durable memory: adapters of ``core.ports.Store``. No rules of the engine live here."""
