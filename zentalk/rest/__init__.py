"""The contract of REST: what an API node takes and answers, as pydantic models.

`zentalk.api` answers with these models and `zentalk.client` reads answers into the same ones, so
that a field is written once. Their names and fields are those of the OpenAPI document; a change
here changes the document. The reference is docs/reference/rest.md.

A *body* is what a request carries: an unknown field is an error. A *resource* is what an answer
holds: whoever reads it passes over fields that this version does not know.

- `base`: the two kinds of model.
- `limits`: numbers that bound requests.
- `node`: that the program runs, and whose node it is.
- `contacts`, `messages`, `mailboxes`, `devices`, `events`: one resource and its bodies each.
- `event_bodies`: what each type of event holds; `event_schema`: the union of them, for OpenAPI.
- `proof`: what a node shows before it is shown the token.
- `problem`: what every error looks like.
- `addresses`: the form of addresses, `examples` and `answer_examples`: both for OpenAPI only.

Nothing here imports a web framework or opens a connection: reading a token must stay quick.
"""
