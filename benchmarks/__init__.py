"""What reading a long list costs, beside other ways to read it. See ``python -m benchmarks -h``."""
