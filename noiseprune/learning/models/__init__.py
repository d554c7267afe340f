"""The networks that learn, a room for each kind."""
