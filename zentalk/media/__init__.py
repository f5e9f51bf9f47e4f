"""Pictures and sounds before they are sent: what they are, without what they tell by the way.

A picture of a phone says where it was taken, when and with what, and shows in a small copy what was
cut away from the large one. So before a picture leaves, everything goes that is not needed to show
it, and the pixels stay as they are, bit by bit. What people see before they fetch it is a preview
of at most 16 KiB.

- *metadata*: what a file says beside its pixels: Exif, XMP, IPTC, comments, texts, copies.
- *orientation*: the one piece of Exif that is needed to show a picture; 1 is upright.
- *facts*: media type, sides and length, by the first and the last bytes alone.
- *preview*: a small picture, made by a process of its own, because decoders are large and old.

Files, from the top of the layers to the bottom:

- preview:   asks a worker for a preview, and ends it if it takes too long
- worker:    the program of that process, the only importer of Pillow; it imports nothing of ours
- metadata:  takes metadata out of a picture
- facts:     what a file is, and how large or long
- formats/:  JPEG, PNG, WebP and GIF, part by part; Exif; containers of sounds

How a picture is to be sent: `without_metadata` first, and everything else from what it returns,
`facts_of` and `preview_of`, so that no preview shows more than its picture. None from
`without_metadata` means that the format is another one, such as HEIC or a video: its metadata is
still there, and the owner has to be told. Previews need Pillow (`pip install 'zentalk[pictures]'`);
without it, pictures go without one. Waiting for the worker takes real time: in virtual time, give
the caller another maker of previews.

What a sent picture still says: its pixels, its sides and size, its format and how it was compressed
(which can tell a kind of camera or program), whether it moves, and its colour profile, which holds
texts of whoever made it.

It must never decode pixels in the node's own process, nor change them in what is sent.
"""
