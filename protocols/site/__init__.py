"""What the screens of a site are shown and may ask."""
