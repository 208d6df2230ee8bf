"""Whole scripts that list 100 invitations, as a user of each way would write them."""
