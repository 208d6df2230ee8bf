"""What the commands do: they ask the API and hand on what comes back."""
