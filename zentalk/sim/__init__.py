"""Networks of real nodes on one machine: to try, to test and to measure.

Nothing is simulated but the people: relays and API nodes are the real programs' parts
over loopback. The engine never prints; it reports progress to a callback and returns a
report. Traffic goes to loopback only.

- scenario:  what to run, from TOML files and the command line
- run:       from a scenario to a report
- network:   relays and people, behind one interface for both ways to run them
- inprocess: all of them in this process; `background` keeps a crash to its node
- processes: each in a process of its own, over REST; `launcher` and `launching` fork them
- startup, folders, memory: what both have in common
- workload:  what people do and what goes wrong meanwhile
- ledger:    whether everything is where it should be
- report:    what came of it
"""
