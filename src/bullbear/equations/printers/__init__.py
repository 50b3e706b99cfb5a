"""Printers: the statement list as code of one target each."""
