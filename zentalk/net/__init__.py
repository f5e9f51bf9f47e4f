"""The shell around links: transports, the pump that joins a link to a stream, tunnels.

As little code as possible touches the network, and all of it is here: everything above
speaks to a `Connection`. Nothing here decides what a packet or a request means.
"""
