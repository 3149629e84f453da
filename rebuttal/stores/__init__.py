"""Where debates are kept."""
