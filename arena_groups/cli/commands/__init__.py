"""The commands and their options, a module each. What they load, they load when they run."""
