"""What conversations mean, without I/O.

- `names.py`: how names of people are shown, so that nobody passes for another.

Nothing here reads a clock, stores or sends.
"""
