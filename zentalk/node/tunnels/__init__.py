"""Links to guards, and tunnels over them to other relays.

A node has links to its guards only. All that needs a response goes through tunnels, which start
at a guard and pass a second and a third hop.

- guard: one of the two sticky relays that a node has links to
- second hop: the relay after a guard, from the guard's own sticky set
- path start: a connected guard with its second hops
- short tunnel: one for a few requests; lasting tunnel: one for collection
- third hop: the relay before the end of a tunnel, drawn from all relays
- route: the guard, the second and the third hop of a tunnel

Files:

- `dialer`: opens a link to a relay, and remembers the sizes of units on all links
- `guard_selection`: which guards to use, by the rules of `zentalk.onion.guards`
- `guard_links`: keeps a link to each wanted guard
- `routes`: which guard, second and third hop a tunnel takes
- `third_hops`: those that mailboxes keep for their collection
- `patience`: when a tunnel is tried again
- `tunnels`: opens tunnels, and what others need of one

It must never dial anything but guards and, for a first snapshot, bootstraps; never shorten a
tunnel; and never take another second hop because one fails.
"""
