"""Pictures and sounds before they are sent: what they are, without what they tell by the way.

A picture of a phone says where it was taken, when and with what, and shows in a small copy what was
cut away from the large one. So before a picture leaves, everything goes that is not needed to show
it, and the pixels stay as they are, bit by bit.

- *metadata*: what a file says beside its pixels: Exif, XMP, IPTC, comments, texts, copies.
- *orientation*: the one piece of Exif that is needed to show a picture; 1 is upright.
- *facts*: media type, sides and length, by the first and the last bytes alone.

Files, from the top of the layers to the bottom:

- metadata:  takes metadata out of a picture
- facts:     what a file is, and how large or long
- formats/:  JPEG, PNG, WebP and GIF, part by part; Exif; containers of sounds

What a sent picture still says: its pixels, its sides and size, its format and how it was compressed
(which can tell a kind of camera or program), whether it moves, and its colour profile, which holds
texts of whoever made it.

It must never decode pixels in the node's own process, nor change them in what is sent.
"""
