"""Micro-benchmarks: the codec, one request, start-up."""
