"""Groups over real relays, in virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.errors import ConflictError
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.node.messages.groups.saying import GroupSpeech
from zentalk.node.node import Node
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import StoredMessage
from zentalk.wire.group_acts import GroupKind

pytestmark = pytest.mark.e2e


async def circle(world: World, *names: str) -> list[Node]:
    """Start people of whom the first one knows each of the others, and nobody else anybody."""
    await world.relay_net(3)
    nodes = [await world.person(name) for name in names]
    hellos = []
    for other in names[1:]:
        await world.friends(names[0], other)
        hellos.append(await world.send(names[0], other, "hello"))
    for hello in hellos:
        await world.until_state(names[0], hello, "delivered")
    return nodes


async def until_stands(world: World, node: Node, group: GroupId, standing: GroupStanding) -> None:
    async def stands() -> bool:
        return any(one.id == group and one.stands is standing for one in await node.groups.every())

    await world.until(stands)


async def founded(world: World, nodes: list[Node], name: str = "Crew") -> GroupId:
    """Found a group of all, and wait until everybody knows that everybody is in."""
    founder, *others = nodes
    row = await founder.groups.found(GroupWish(name, members=tuple(o.address for o in others)))
    for other in others:
        await until_stands(world, other, row.id, GroupStanding.INVITED)
        await other.groups.accept(row.id)
    for node in nodes:
        await until_members(world, node, row.id, nodes)
    return row.id


async def until_members(world: World, node: Node, group: GroupId, people: list[Node]) -> None:
    expected = {person.address_text for person in people}

    async def agree() -> bool:
        members = (await node.groups.get(group)).view["members"]
        return {one["address"] for one in members if one["status"] == "joined"} == expected

    await world.until(agree)


async def until_role(world: World, node: Node, group: GroupId, person: Node, role: str) -> None:
    async def has_role() -> bool:
        members = (await node.groups.get(group)).view["members"]
        return any(one["address"] == person.address_text and one["role"] == role for one in members)

    await world.until(has_role)


def message_id(message: StoredMessage) -> MessageId:
    return MessageId(bytes.fromhex(message.id))


async def lines(node: Node, group: GroupId) -> list[StoredMessage]:
    return await node.messages(UserAddress(group))


async def until_texts(world: World, node: Node, group: GroupId, texts: list[str]) -> None:
    async def arrived() -> bool:
        shown = [line.text for line in await lines(node, group)]
        assert len(shown) <= len(texts), shown
        return shown == texts

    await world.until(arrived)


async def test_e2_three_people_found_a_group_and_all_read_what_each_says(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    said = await alice.send_text(UserAddress(group), "welcome")
    await world.until_state("alice", said, "delivered")
    # Bob and Carol are no contacts of each other: their first message is by card.
    answered = await bob.send_text(UserAddress(group), "hello from Bob")
    await world.until_state("bob", answered, "delivered")
    for node in nodes:
        await until_texts(world, node, group, ["welcome", "hello from Bob"])
        assert [line.author for line in await lines(node, group)] == [
            alice.address_text,
            bob.address_text,
        ]
    for one, other in ((bob, carol), (carol, bob)):
        assert other.address_text not in {c.address for c in await one.contacts()}
        assert not [e for e in await one.events(0) if e.type == "contact.requested"]


async def test_who_was_removed_reads_nothing_more_and_cannot_write(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    await alice.groups.remove(group, carol.address)
    await until_members(world, bob, group, [alice, bob])
    await until_stands(world, carol, group, GroupStanding.REMOVED)
    said = await bob.send_text(UserAddress(group), "without Carol")
    await world.until_state("bob", said, "delivered")
    assert [one.member for one in await bob.groups.deliveries(group, message_id(said))] == [
        alice.address
    ]
    with pytest.raises(ConflictError, match="removed"):
        await carol.send_text(UserAddress(group), "let me in")
    await trio.sleep(120)
    assert await lines(carol, group) == []


async def test_what_a_removed_member_says_after_all_is_refused(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removed one's node is changed: it does not look at what it may."""
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    await alice.groups.remove(group, carol.address)
    await until_members(world, bob, group, [alice, bob])
    await until_stands(world, carol, group, GroupStanding.REMOVED)
    monkeypatch.setattr(GroupSpeech, "check", lambda *_: None)
    await carol.send_text(UserAddress(group), "still here")
    await trio.sleep(300)
    for node in (alice, bob):
        assert await lines(node, group) == []


async def test_somebody_leaves_and_the_others_go_on(world: World, autojump_clock: Clock) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    await carol.groups.leave(group)
    for node in (alice, bob):
        await until_members(world, node, group, [alice, bob])
    assert (await carol.groups.get(group)).stands is GroupStanding.LEFT
    said = await alice.send_text(UserAddress(group), "two of us")
    await world.until_state("alice", said, "delivered")
    await until_texts(world, bob, group, ["two of us"])
    # Who left can be invited again, and reads what comes from then on.
    await alice.groups.invite(group, [carol.address])
    await until_stands(world, carol, group, GroupStanding.INVITED)
    await carol.groups.accept(group)
    for node in nodes:
        await until_members(world, node, group, nodes)
    await bob.send_text(UserAddress(group), "back again")
    await until_texts(world, carol, group, ["back again"])


async def test_roles_an_admin_invites_and_only_a_lower_rank_removes_it(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    dave = await world.person("dave")
    await world.friends("bob", "dave")
    group = await founded(world, nodes)
    with pytest.raises(ConflictError, match=r"[Oo]nly admins"):
        await bob.groups.invite(group, [dave.address])
    await alice.groups.promote(group, bob.address)
    await until_role(world, bob, group, bob, "admin")
    await bob.groups.invite(group, [dave.address])
    await until_stands(world, dave, group, GroupStanding.INVITED)
    await dave.groups.accept(group)
    for node in (*nodes, dave):
        await until_members(world, node, group, [*nodes, dave])
    said = await dave.send_text(UserAddress(group), "I know only Bob")
    await world.until_state("dave", said, "delivered")
    for node in nodes:
        await until_texts(world, node, group, ["I know only Bob"])
    with pytest.raises(ConflictError):
        await bob.groups.remove(group, alice.address)
    await alice.groups.demote(group, bob.address)
    await until_role(world, carol, group, bob, "member")


async def test_marks_receipts_and_profile_of_a_group_reach_all(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    place = UserAddress(group)
    said = await bob.send_text(place, "helo")
    await world.until_state("bob", said, "delivered")
    await bob.chat.edit(place, said.id, "hello")
    await carol.chat.react(place, said.id, "👍")
    await alice.groups.change(group, name="The crew", description="all of us")
    await alice.groups.set_picture(group, b"a small picture")

    async def agree() -> bool:
        for node in nodes:
            [line] = await lines(node, group)
            row = await node.groups.get(group)
            if (line.text, len(line.reactions), row.view["name"]) != ("hello", 1, "The crew"):
                return False
            if await node.groups.picture(group) != b"a small picture":
                return False
        return True

    await world.until(agree)
    await carol.mark_read(place)
    await trio.sleep(60)
    assert (await bob.message(said.id)).state == "delivered"
    await alice.mark_read(place)
    # That it was read is told some time later, whatever happens until then.
    await world.crash("alice")
    nodes[0] = alice = await world.person("alice")
    await world.until_state("bob", said, "read")
    await bob.chat.take_back(place, said.id)

    async def gone() -> bool:
        return all([(await lines(node, group))[0].deleted for node in nodes])

    await world.until(gone)


async def test_the_author_has_an_answer_before_anything_is_encrypted_and_a_crash_loses_nothing(
    world: World, autojump_clock: Clock
) -> None:
    names = ("alice", *(f"p{number}" for number in range(8)))
    nodes = await circle(world, *names)
    alice, *others = nodes
    group = await founded(world, nodes)
    said = await alice.send_text(UserAddress(group), "to all")
    assert said.state == "queued"
    await world.crash("alice")
    alice = await world.person("alice")
    await world.until_state("alice", said, "delivered")
    for node in others:
        await until_texts(world, node, group, ["to all"])


async def test_direct_words_of_a_member_who_is_no_contact_are_a_request(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    said = await bob.send_text(UserAddress(group), "hello")
    await world.until_state("bob", said, "delivered")
    await bob.send_text(carol.address, "only for you")

    async def asked() -> bool:
        return any(c.address == bob.address_text for c in await carol.contacts())

    await world.until(asked)
    [row] = [c for c in await carol.contacts() if c.address == bob.address_text]
    assert row.state == "request"
    assert [line.text for line in await lines(carol, group)] == ["hello"]
    # The group goes on while the request waits, and once it was refused.
    for text in ("second", "third"):
        said = await bob.send_text(UserAddress(group), text)
        await world.until_state("bob", said, "delivered")
        if text == "second":
            await carol.refuse(bob.address)
    assert alice.address_text != bob.address_text


async def test_who_comes_late_sees_only_what_came_after(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    row = await alice.groups.found(GroupWish("Crew", members=(bob.address,)))
    await until_stands(world, bob, row.id, GroupStanding.INVITED)
    await bob.groups.accept(row.id)
    await until_members(world, alice, row.id, [alice, bob])
    early = [await bob.send_text(UserAddress(row.id), f"early {number}") for number in range(5)]
    await world.until_state("bob", early[-1], "delivered")
    await alice.groups.invite(row.id, [carol.address])
    await until_stands(world, carol, row.id, GroupStanding.INVITED)
    await carol.groups.accept(row.id)
    for node in nodes:
        await until_members(world, node, row.id, nodes)
    late = await bob.send_text(UserAddress(row.id), "late")
    await world.until_state("bob", late, "delivered")
    [line] = await lines(carol, row.id)
    assert (line.text, line.missing) == ("late", 0)


async def test_a_channel_is_joined_by_a_link_that_ends_and_only_admins_post(
    world: World, autojump_clock: Clock
) -> None:
    await world.relay_net(3)
    alice, bob, carol = [await world.person(name) for name in ("alice", "bob", "carol")]
    channel = await alice.groups.found(GroupWish("News", GroupKind.CHANNEL))
    made = await alice.first_contact.invites.create(max_uses=1, group=channel.id)
    await bob.groups.join(made.link)
    await until_stands(world, bob, channel.id, GroupStanding.JOINED)
    for node in (alice, bob):
        await until_members(world, node, channel.id, [alice, bob])
    said = await alice.send_text(UserAddress(channel.id), "first news")
    await world.until_state("alice", said, "delivered")
    await until_texts(world, bob, channel.id, ["first news"])
    with pytest.raises(ConflictError, match=r"[Oo]nly admins"):
        await bob.send_text(UserAddress(channel.id), "a reply")
    [person] = [
        one
        for one in (await alice.groups.get(channel.id)).view["members"]
        if one["address"] == bob.address_text
    ]
    assert person["role"] == "subscriber"
    # The link was for one person.
    await carol.groups.join(made.link)
    await trio.sleep(120)
    assert carol.address_text not in str((await alice.groups.get(channel.id)).view)
    [ticket] = (await alice.groups.get(channel.id)).view["tickets"]
    assert (ticket["uses"], ticket["used"]) == (1, 1)


async def test_what_somebody_signs_who_left_as_an_admin_is_ended_by_others(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    await alice.groups.promote(group, bob.address)
    await until_role(world, carol, group, bob, "admin")
    await bob.groups.leave(group)
    await until_members(world, carol, group, [alice, carol])

    async def ended() -> bool:
        history = await alice.events(0)
        return any(
            event.type == "group.member"
            and event.data["address"] == bob.address_text
            and event.data["status"] == "gone"
            for event in history
        )

    await world.until(ended)
    # Alice has signed that Bob is out, though he has gone by himself.
    log = await alice.groups.log(group)
    assert [type(entry.act).__name__ for entry in log].count("Remove") == 1


async def test_what_is_said_to_nobody_waits_for_nobody(world: World, autojump_clock: Clock) -> None:
    await world.relay_net(3)
    alice = await world.person("alice")
    row = await alice.groups.found(GroupWish("Notes"))
    said = await alice.send_text(UserAddress(row.id), "to myself")
    shown = await alice.message(said.id)
    assert (shown.state, shown.reason) == ("delivered", "nobody else is in this group")


async def test_who_is_blocked_by_its_inviter_still_reaches_the_rest_of_the_group(
    world: World, autojump_clock: Clock
) -> None:
    nodes = await circle(world, "alice", "bob", "carol")
    alice, bob, carol = nodes
    group = await founded(world, nodes)
    await alice.block(bob.address)
    said = await bob.send_text(UserAddress(group), "for Carol at least")
    await until_texts(world, carol, group, ["for Carol at least"])
    await world.until_state("bob", said, "delivered")
    assert await lines(alice, group) == []
    answered = await alice.send_text(UserAddress(group), "to both")
    await world.until_state("alice", answered, "delivered")
