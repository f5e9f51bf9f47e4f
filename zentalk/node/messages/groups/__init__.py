"""Groups inside the transactions of the history.

A group is a log that its members sign (`zentalk.groups`) and a conversation that each member keeps.
There is no server: whoever writes sends to every other member, each in the ratchet that the two
share. Members who are no contacts share one too, begun with the *card* that each has given the
group, under a send id that the group alone uses. Nothing of that makes anybody a contact.

Glossary: an *entry* is one signed act of the log; its *heads* are the entries that no other one
names; the *fold* says who is what by all entries; a *card* is what a first message to a member
needs; a *send* is one content on its way to several members.

- `book.py`: the logs and their folds; what changes when an entry comes.
- `cards.py`: our card and those of others.
- `joining.py`: what we owe others when the log has grown.
- `distribution.py`: from one content to an outbox item for each member, in small steps.
- `receiving.py`: what other members send; `hearing.py`: what they say.
- `answering.py`: what they ask, and what answers our questions.
- `saying.py`: what the owner says in a group; `large.py`: what is different where many are in it.
- `view.py`: how rows, events and REST show a group.
- `commands.py`: what the owner does to a group.
- `jobs.py`: puts all of these together.

Nothing here sends or waits, and nothing is shown or confirmed that the log does not explain.
"""
