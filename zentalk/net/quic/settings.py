"""Settings of QUIC: how much a port holds of others, and what its TLS is told.

Spec: docs/spec/link.md section 14.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from typing import Final

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import load_pem_private_key, load_pem_x509_certificates

from zentalk.crypto.certificate import NamelessCertificate

# It writes the addresses of peers, and without a handler Python prints that to standard error.
logging.getLogger("quic").disabled = True

WINDOW_BYTES: Final = 262_144
"""The most that a pipe holds unread, and the most that it holds until it is acknowledged."""
IDLE_SECONDS: Final = 30.0
"""A connection from which nothing came for so long is gone."""
KEEP_ALIVE_SECONDS: Final = 12.0
"""Silence after which a pipe asks for a sign of life; NATs forget a way after 30 s at the
earliest (RFC 4787 asks for two minutes, and is not obeyed)."""
HANDSHAKE_SECONDS: Final = 5.0
"""A half-open connection that somebody else asked for is forgotten after so long."""
LINGER_SECONDS: Final = 10.0
"""The most that what was sent before a pipe was closed may take to arrive."""
CONNECTION_ID_BYTES: Final = 8
_NO_LIMIT: Final = 1 << 60
_ALPN: Final = "h3"
"""Everybody on the line can read it. One of our own would name us; this one most QUIC has."""


@dataclass(frozen=True, slots=True)
class QuicLimits:
    """The most connections that a port has."""

    connections: int = 64
    """Made and accepted ones, with those that still end."""
    half_open: int = 16
    """Handshakes of others that are not finished."""
    half_open_unproven: int = 4
    """Above so many, who asks has to prove its address first, which costs us nothing (Retry)."""
    per_source: int = 8
    """Connections that one source has asked for."""


DEFAULT_LIMITS: Final = QuicLimits()


def client_settings() -> QuicConfiguration:
    """Return what aioquic is told of connections that we make."""
    made = _settings(is_client=True)
    made.verify_mode = ssl.CERT_NONE  # the link inside finds out who it is
    return made


def server_settings(certificate: NamelessCertificate) -> QuicConfiguration:
    """Return what aioquic is told of connections that we accept."""
    made = _settings(is_client=False)
    [made.certificate] = load_pem_x509_certificates(certificate.certificate)
    made.private_key = load_pem_private_key(certificate.secret_key)
    return made


def _settings(*, is_client: bool) -> QuicConfiguration:
    return QuicConfiguration(
        alpn_protocols=[_ALPN],
        connection_id_length=CONNECTION_ID_BYTES,
        idle_timeout=IDLE_SECONDS,
        is_client=is_client,
        max_data=WINDOW_BYTES,
        # One stream each way has all of the connection's window: one limit says everything.
        max_stream_data=_NO_LIMIT,
        supported_versions=[QuicProtocolVersion.VERSION_1],
    )
