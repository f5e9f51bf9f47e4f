"""The directory core: who the relays are, and which of them hold a user's record.

Plain synchronous code in the manner of S/Kademlia: a routing table, an iterative lookup,
the verified set of descriptors, the rules for user records and the snapshot rule of API
nodes. Nothing here opens a connection, reads a clock or draws randomness, and nothing
here believes a byte that was not verified first.
"""
