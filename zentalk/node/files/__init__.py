"""Files: what a node does to keep its owner's in the mesh, and to get others' from there.

Spec: docs/spec/mesh.md. The rules are in `zentalk.mesh`, which knows neither network nor disk. Here
shards travel: an upload writes each segment's shards to their holders and notes where they lie
before it goes on, so that it can be taken up after any crash; a download reads ten shards of each
segment from whoever has them. What is not yet kept by holders lies in the node's own folder, and
nothing is deleted there before it is kept elsewhere.
"""
