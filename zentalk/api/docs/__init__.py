"""The page at `/docs`: the OpenAPI document for people, and the document itself.

The page is Swagger UI, whose files are in `assets/` (VENDORED.txt says from where). It needs no
token, as it says nothing of the node or its owner. It must never make a browser ask another host,
or run what is not in those files: the policy in `routes` forbids both.
"""
