"""Makes the folder of a node that was outdone the replica of the node that replaced it.

What it had is kept beside, in a folder of its own; what its owner had written there and nobody has
confirmed goes to the other node, as if it had been written at the replica.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from zentalk.config.files import make_private_directory
from zentalk.crypto.types import Entropy
from zentalk.errors import ConfigError, ConflictError
from zentalk.ids import UserAddress
from zentalk.node.replica.invitation import linked_folder, set_up_replica
from zentalk.node.wiring import DATABASE_NAME
from zentalk.store.history import messages, pending, terms
from zentalk.store.history.pending import PendingWrite
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.key_file import KEY_FILE_NAME, load_identity
from zentalk.store.sqlite import open_database, transaction
from zentalk.wire.invite import InviteLink

NOT_OUTDONE: Final = (
    "this node was not replaced: only one that was becomes a replica. To make another node the"
    " replica of this one, set it up with: zentalk api init --replica-of CODE"
)
OTHER_OWNER: Final = "this code is of a node with another address: nothing was changed"


def follow_again(directory: Path, code: InviteLink, entropy: Entropy, now: float) -> Path:
    """Make an outdone folder a replica's; return where what it had is kept.

    Raises ConflictError if it is not outdone or the code is another owner's, and ConfigError.
    """
    if load_identity(directory).public != code.address:
        raise ConflictError(OTHER_OWNER)
    unsent = _unsent(directory)
    kept = directory / f"before-{int(now)}"
    make_private_directory(kept)
    try:
        # The identity goes last: until then the folder is what it was.
        for path in sorted(directory.glob(f"{DATABASE_NAME}*")):
            path.rename(kept / path.name)
        set_up_replica(directory, code, entropy)
        (directory / KEY_FILE_NAME).rename(kept / KEY_FILE_NAME)
    except OSError as error:
        raise ConfigError(f"cannot move files to {kept}: {error.strerror}") from None
    path = linked_folder(directory) / DATABASE_NAME
    with closing(open_database(path, MIGRATIONS)) as connection, transaction(connection) as tx:
        for write in unsent:
            pending.add(tx, write)
    return kept


def _unsent(directory: Path) -> list[PendingWrite]:
    path = directory / DATABASE_NAME
    with closing(open_database(path, MIGRATIONS)) as connection, transaction(connection) as tx:
        if terms.outdone_by(tx) <= terms.own(tx):
            raise ConflictError(NOT_OUTDONE)
        return [
            PendingWrite(content.message_id, UserAddress(contact), encoded, written_at)
            for contact, content, encoded, written_at in messages.unconfirmed_own(tx)
        ]
