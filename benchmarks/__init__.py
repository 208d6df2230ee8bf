"""Cost of reading a long list, compared with other clients. See ``python -m benchmarks -h``."""
