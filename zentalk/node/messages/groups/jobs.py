"""Puts the transactions of groups together: who is given what."""

from __future__ import annotations

from typing import NamedTuple

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.types import Entropy
from zentalk.ids import UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.groups.book import GroupBook
from zentalk.node.messages.groups.cards import GroupCards
from zentalk.node.messages.groups.commands import GroupCommands
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.node.messages.groups.receiving import GroupInbox
from zentalk.node.messages.groups.saying import GroupSpeech


class GroupJobs(NamedTuple):
    """What is done in groups: by the owner, by others, and a few members at a time."""

    commands: GroupCommands
    speech: GroupSpeech
    inbox: GroupInbox
    distribution: Distribution


def group_jobs(identity: SigningKey, composer: Composer, entropy: Entropy) -> GroupJobs:
    """Put the transactions of one owner's groups together."""
    own = UserAddress(identity.public)
    book = GroupBook(own)
    cards = GroupCards(identity, composer, entropy)
    distribution = Distribution(composer, cards, own)
    commands = GroupCommands(identity, entropy, book, cards, distribution, composer)
    return GroupJobs(
        commands,
        GroupSpeech(book, distribution, commands.merge),
        GroupInbox(composer, book, cards, distribution, commands),
        distribution,
    )
