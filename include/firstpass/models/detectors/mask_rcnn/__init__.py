"""Mask R-CNN of the Matterport design: the `.h5` weights that its training leaves, in an inference network of our own.

Modules, from the file to the detections: `layers` and `weights` (what the file must hold, and reading it), `config`
(what the weights cannot say), `images` and `anchors` (into the network and out), `boxes` and `network` (the graph),
`detector`, `loading`; `kind` is the record by which the rest knows it.
"""
