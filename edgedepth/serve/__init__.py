"""A page for the phone's browser that runs the same model on a saved sweep."""
