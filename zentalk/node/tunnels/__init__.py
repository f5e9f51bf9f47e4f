"""Links to guards, and tunnels over them to other relays."""
