"""The version of this package and its page, kept here and nowhere else."""

__version__ = "0.1.0"
PROJECT_PAGE = "https://arena-groups.readthedocs.io"
