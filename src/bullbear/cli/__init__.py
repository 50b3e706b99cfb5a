"""The command line: one module per command, each doing no work of its own."""
