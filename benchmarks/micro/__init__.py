"""Small things, measured by themselves: the codec, one request, start-up."""
