"""The only door to cryptography: no other imports `cryptography`, `nacl` or `mnemonic`.

Nothing here keeps state, reads a clock or draws entropy of its own; randomness comes
in as `Entropy`. The one exception is stated where it stands: ML-KEM encapsulation,
whose library offers no seeded form.
"""
