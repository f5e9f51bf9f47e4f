"""Packets and tunnels that a relay passes on."""
