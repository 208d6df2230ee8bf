"""Lists: the lazy paginator, and the walk that reads every item once."""
