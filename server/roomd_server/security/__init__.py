"""Who may do what: credentials. No gRPC, no transport: only what a credential means."""
