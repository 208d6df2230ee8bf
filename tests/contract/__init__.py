"""Contract check: the code and the sandbox, compared with the provider's document.

``python -m tests.contract PATH_OR_URL`` names every difference on a line of its own.
"""
