"""The view of pictures: a convolutional network from inside, also while it learns in the page.

A network of a run is looked at by the addresses of `clearprop.studio.models`. LeNet-5 is trained
here by a session (`session.py`) behind the WebSocket ``/ws/vision``: `messages.py` has its requests
and answers, `headers.py` the header of its frames. Each frame with a ``source`` shows a model that
is offered under this id, so that its cells can be asked for as those of any other network.

A frame "vision" has the arrays of the frame "maps", and ``kernel.k`` float32 (kh, kw, in, out) for
each layer k of its maps that is a convolution. The first frame of a run has also the arrays that
say which rows and columns a layer reads.
"""
