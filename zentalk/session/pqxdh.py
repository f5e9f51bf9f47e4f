"""PQXDH: two identities and a prekey bundle become one root secret (spec: end-to-end).

Three or four X25519 exchanges and one ML-KEM-768 secret are hashed together, so that
an attacker has to break both kinds. Everything both sides must agree on (identities,
prekeys, the whole initial header) goes into the associated data, which every envelope
of the session authenticates: a changed header never decrypts. Nothing here looks a key
up, deletes one or remembers one; that is the caller's transaction.

    DH1  initiator's identity  x  responder's signed prekey
    DH2  initiator's ephemeral x  responder's identity
    DH3  initiator's ephemeral x  responder's signed prekey
    DH4  initiator's ephemeral x  responder's one-time prekey, if one was handed out
    KEM  to the one-time ML-KEM key if one was handed out, else to the last-resort key

Source: Signal's PQXDH specification, revision 3. Differences: identities are Ed25519
keys converted to X25519 (no XEdDSA), the hash is SHAKE256 behind a label, one-time keys
of both kinds come as a pair under one signature, and the associated data is a hash.
"""

from __future__ import annotations

from typing import NamedTuple

from zentalk.crypto import ed25519, mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256, derive
from zentalk.crypto.labels import Label
from zentalk.crypto.mlkem import KemKeyPair
from zentalk.crypto.types import Entropy, Secret
from zentalk.crypto.x25519 import KeyPair
from zentalk.errors import AuthenticationError, LocalProtocolError
from zentalk.wire.prekeys import PrekeyBundle
from zentalk.wire.ratchet import InitialHeader


class Initiated(NamedTuple):
    """The initiator's half: what to send first and what `Ratchet.initiate` takes."""

    header: InitialHeader
    root: Secret
    associated_data: bytes
    peer_ratchet_public: bytes


class OneTimeSecrets(NamedTuple):
    """The two key pairs behind one `OneTimePrekey`."""

    x25519: KeyPair
    mlkem: KemKeyPair


class ResponderKeys(NamedTuple):
    """The key pairs that an initial header names; `one_time` exactly if it names one."""

    signed_prekey: KeyPair
    pq_prekey: KemKeyPair
    one_time: OneTimeSecrets | None


class Responded(NamedTuple):
    """The responder's half: what `Ratchet.respond` takes beside the signed prekey."""

    root: Secret
    associated_data: bytes


class _Publics(NamedTuple):
    """The responder's public keys that one agreement uses."""

    identity: bytes
    signed_prekey: bytes
    kem: bytes
    one_time: bytes


def initiate(
    own: SigningKey, bundle: PrekeyBundle, entropy: Entropy, *, generation: int = 1
) -> Initiated:
    """Agree on a root secret with the owner of `bundle`, who may be offline.

    `generation` counts the ratchets of this contact (see `session.renewal`).
    Raises AuthenticationError if a signature or key of the bundle is not valid, and
    LocalProtocolError if the bundle is our own.
    """
    bundle.verify()
    if bundle.identity == own.public:
        raise LocalProtocolError("a session needs two different identities")
    one_time = bundle.one_time
    publics = _Publics(
        identity=bundle.identity,
        signed_prekey=bundle.signed_prekey.public,
        kem=bundle.pq_prekey.public if one_time is None else one_time.mlkem_public,
        one_time=b"" if one_time is None else one_time.x25519_public,
    )
    ephemeral = x25519.generate(entropy)
    exchanged = initiator_exchanges(
        own.to_x25519(),
        ephemeral,
        identity=ed25519.to_x25519_public(publics.identity),
        signed_prekey=publics.signed_prekey,
        one_time=publics.one_time,
    )
    encapsulated = mlkem.encapsulate(publics.kem)
    header = InitialHeader(
        generation=generation,
        identity=own.public,
        ephemeral=ephemeral.public,
        kem_ciphertext=encapsulated.ciphertext,
        signed_prekey_id=bundle.signed_prekey.key_id,
        pq_prekey_id=bundle.pq_prekey.key_id,
        one_time_id=None if one_time is None else one_time.key_id,
    )
    binding = _associated_data(header, publics)
    root = root_secret(exchanged, encapsulated.shared)
    return Initiated(header, root, binding, publics.signed_prekey)


def respond(own: SigningKey, header: InitialHeader, keys: ResponderKeys) -> Responded:
    """Derive what `initiate` derived; valid once the first envelope has decrypted.

    Nothing about `header` is authenticated yet when this returns: a forger gets a root
    secret that opens nothing. Raises AuthenticationError if a key in the header is not
    usable or is our own, and LocalProtocolError if `keys` are not those it names.
    """
    if (header.one_time_id is None) != (keys.one_time is None):
        raise LocalProtocolError("the one-time keys are not those that the header names")
    if header.identity == own.public:
        raise AuthenticationError("a first message names our own identity as its sender")
    one_time = keys.one_time
    kem = keys.pq_prekey if one_time is None else one_time.mlkem
    exchanged = responder_exchanges(
        own.to_x25519(),
        keys.signed_prekey,
        None if one_time is None else one_time.x25519,
        identity=ed25519.to_x25519_public(header.identity),
        ephemeral=header.ephemeral,
    )
    publics = _Publics(
        identity=own.public,
        signed_prekey=keys.signed_prekey.public,
        kem=kem.public,
        one_time=b"" if one_time is None else one_time.x25519.public,
    )
    root = root_secret(exchanged, mlkem.decapsulate(kem.seed, header.kem_ciphertext))
    return Responded(root, _associated_data(header, publics))


def initiator_exchanges(
    own: KeyPair, ephemeral: KeyPair, *, identity: bytes, signed_prekey: bytes, one_time: bytes
) -> Secret:
    """Return DH1 || DH2 || DH3 [|| DH4]; `one_time` is empty if there is none."""
    parts = [
        x25519.exchange(own.secret, signed_prekey),
        x25519.exchange(ephemeral.secret, identity),
        x25519.exchange(ephemeral.secret, signed_prekey),
    ]
    if one_time:
        parts.append(x25519.exchange(ephemeral.secret, one_time))
    return Secret(b"".join(parts))


def responder_exchanges(
    own: KeyPair,
    signed_prekey: KeyPair,
    one_time: KeyPair | None,
    *,
    identity: bytes,
    ephemeral: bytes,
) -> Secret:
    """Return the same bytes as `initiator_exchanges`, from the other side."""
    parts = [
        x25519.exchange(signed_prekey.secret, identity),
        x25519.exchange(own.secret, ephemeral),
        x25519.exchange(signed_prekey.secret, ephemeral),
    ]
    if one_time is not None:
        parts.append(x25519.exchange(one_time.secret, ephemeral))
    return Secret(b"".join(parts))


def root_secret(exchanged: bytes, kem_shared: bytes) -> Secret:
    """Return the 32-byte root secret of both kinds of agreement."""
    return derive(Label.PQXDH, kem_shared, exchanged)


def _associated_data(header: InitialHeader, publics: _Publics) -> bytes:
    """Hash everything that both sides must have seen alike; all parts but the last are fixed."""
    return blake2b_256(
        Label.PQXDH_BINDING,
        publics.identity,
        publics.signed_prekey,
        publics.kem,
        header.to_bytes(),
        publics.one_time,
    )
