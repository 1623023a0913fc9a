"""Time zones: how the store cuts days and months, and which zone each workspace has."""
