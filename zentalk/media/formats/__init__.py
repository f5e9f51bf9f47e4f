"""Formats of files, read part by part from bytes, without decoding what is inside.

Each of `jpeg`, `png`, `webp` and `gif` has the same two functions. `clean` keeps the parts that are
known to be needed, and nothing else: what nobody has heard of goes. `shape` finds sides and
orientation. `kinds` knows formats by their first bytes, `sounds` the length of WAV and Ogg Opus.

Work is bounded by the number of bytes, and by `MAX_PARTS`. Nothing here may raise anything but
`MalformedPictureError`, whatever it is given.
"""
