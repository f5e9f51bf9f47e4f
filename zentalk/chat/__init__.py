"""The meaning of messages, without I/O: kinds of content, and what each does to a conversation.

Everybody in a conversation must come to see the same thing, whatever order contents arrive in and
however often. So what changes a message is a *mark*: it names its message, its author and a number
that its author raises, and of two marks in one place the higher number wins.

Glossary: a *line* is a message that stands in the conversation; a *mark* changes how a line is
shown (edit, deletion, reaction, pin, vote); a *setting* belongs to the conversation as a whole; a
*signal* is worth something only now (typing, presence) and is never stored.

- `kinds.py`: all kinds of content in one table.
- `marks.py`: which mark wins, and how a line is shown under its marks.
- `state.py`: a whole conversation as a pure function of what was said in it.
- `names.py`: how names of people are shown, so that nobody passes for another.
- `signals.py`: typing and presence: how long they hold, and how often they may be sent.

Nothing here reads a clock, stores or sends; the node's `messages/kinds` are its transactions.
"""
