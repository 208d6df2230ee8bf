"""Micro-benchmarks: the codec, one request, start-up, whole scripts, bulk runs."""
