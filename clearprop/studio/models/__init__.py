"""The views of any model: its graph, the numbers of one pass, pictures and sequences from inside.

A note for the developers of views. In Python everything goes through a `Viewer` (`viewer.py`); over
HTTP each method below is one address under ``/api/models``, with the method's arguments as its
query. `messages.py` describes all JSON and `headers.py` the headers of all frames, which are those
of `clearprop.studio.frames`. `tools/studio_types.py` writes both as types for the page.

==================================================  ==============================================
``Viewer`` and HTTP                                 answer
==================================================  ==============================================
``listed()``                       GET sources      JSON `SourceList`
``graph(source, pass_id="")``      GET graph        JSON `NetworkGraph`
``examples(source, start, count,   GET examples     JSON `ExampleList`
label)``
``begin(PassRequest)``             POST pass        frame "pass", header `PassShown`
``array(pass_id, node, what,       GET array        frame "array", header `ArrayShown`
input, first)``
``numbers(pass_id, node, what,     GET numbers      frame "numbers", header `NumbersShown`
input, index)``
``why(pass_id, node, index)``      GET why          JSON `WhyShown`
``equations(pass_id, node,         GET equations    JSON {"text": ...}: the chain rule with its
index)``                                            numbers
``cell(pass_id, node, index)``     GET cell         frame "cell", header `CellShown`
``back(pass_id, node, index)``     GET back         frame "back", header `BackShown`
``field(pass_id, group, index)``   GET field        frame "field", header `FieldShown`
``maps(pass_id)``                  GET maps         frame "maps", header `MapsShown`
``sequence(pass_id)``              GET sequence     frame "sequence", header `SequenceShown`
==================================================  ==============================================

An error is a `Problem` with status 400, 413 or 503. An ``index`` is written "0,3,4,2", the batch
first; ``numbers`` takes ":" for a whole axis. The batch has one example. ``what`` is "value",
"error", or with ``input`` "passed" and "local".

Codes are 8-bit: ``value = (code - 127) / 127 * limit`` for 0 to 254; 255 is not finite.

**pass**: ``value`` and ``error`` float32 (nodes, 9): `STATISTICS` of each node's value and error
signal, in the order of ``NetworkGraph.nodes``; NaN where there is none.

**array**: ``codes`` uint8 (tiles, rows, columns), and ``numbers`` float32 of the same shape: the
exact entries that the pixels show.

**numbers**: ``numbers`` float32 (int32 for integers), with the axes that ``index`` left whole.

**maps**, k = 0.. for the layers, the input first: ``value.k`` and ``error.k`` uint8
(maps, H, W), with ``value_limit.k`` and ``error_limit.k`` float32 (1,); for a layer without places
H = 1 and W its units. An integer input has no ``error.k``. Of a small network the exact numbers
come with them, ``value_numbers.k`` and ``error_numbers.k`` float32 (maps, H, W). Where the places
that a layer reads are rectangles, ``rows.k`` (H, 2) and ``columns.k`` (W, 2) int32 are the first
and the last row and column of the input that can reach each of its rows and columns;
``rows.k.i`` and ``columns.k.i`` are those of the layer that it reads by ``reads[i]``. A first one
behind the last is none: the window lies in the padding.

**cell**, by its ``cell_kind``:

- convolution: ``patch``, ``kernel`` and ``product`` float32 (kh, kw, channels); ``inside`` uint8
  (kh, kw), 0 where the patch is padding; ``rows`` int32 (kh,), ``columns`` int32 (kw,), of the
  input, below 0 or too large in the padding; ``channels`` int32 (channels,); ``passed`` float32 =
  error x kernel, what this entry adds to the error signal of its patch; ``gradient`` = error x
  patch, what it adds to the gradient of the kernel.
- max_pool and average_pool: ``patch`` and ``passed`` float32 (kh, kw), ``inside``, ``rows``,
  ``columns`` as above; the header has ``winner``.
- weighted_sum (an entry of a matrix product): ``input``, ``weight``, ``product``, ``passed``
  = error x weight and ``gradient`` = error x input, float32 (n,).
- entrywise: none; the header has ``operands``. other: none; the header has ``text``.

With one or three axes of places all of these have one or three in place of (kh, kw).

**back**, for part k by its kind: how dE/d(entry) is the sum of what its readers pass back.

- convolution: ``error.k``, ``factor.k`` and ``product.k`` float32 (kh, kw, output channels): the
  error signal of the result that read the entry by this tap of its kernel, the entry of the kernel,
  and their product; ``inside.k`` uint8 (kh, kw), 0 where no result did; ``rows.k`` (kh,),
  ``columns.k`` (kw,) and ``channels.k`` int32, of the result, -1 where there is none.
- max_pool and average_pool: ``error.k``, ``factor.k``, ``product.k`` float32 (kh, kw), for the
  windows over the entry, each at the tap at which it covers it; the factor is 1 where the entry won
  and else 0, or 1 / (entries of the window); ``inside.k``, ``rows.k``, ``columns.k`` as above.
- weighted_sum: ``error.k``, ``factor.k``, ``product.k`` float32 (n,): the error signal of each sum
  and the weight with which it read the entry.
- copies: ``error.k`` float32, of the copies that a broadcast made of the entry, such as the pixels
  of an enlarged picture; they are added.
- entrywise: none, the part has its numbers. whole: none; the header has ``text``.

**field**: ``reached`` uint8 (H, W), 1 where the input can reach the unit; ``influence`` float32
(H, W), the sum over channels of |d unit / d input| in this pass.

**sequence**, T places, K classes:

- ``probability`` and ``logit_error`` float32 (T, K): of the next token, and dE/dlogit.
- ``attention.k`` and ``attention_error.k`` float32 (heads, T, S), k = 0.. for ``attentions``: the
  weights, and dE/dweight where each weight is taken as a value of its own. ``query.k`` float32
  (heads, T, E) and ``key.k`` (heads, S, E) made them: softmax over the keys of scale x query . key,
  plus ``added.k`` float32 (heads, T, S) where the attention adds numbers to the scores. With a mask
  or such numbers also ``seen.k`` uint8 (heads, T, S), 1 where the query sees the key; else a causal
  head sees keys up to the query, and any other all of them.
- ``NAME.k`` float32 (T, H) for ``recurrent`` k and each of its ``names``, such as ``forget.0``,
  ``cell.0``, ``hidden.0``; ``NAME_error.k`` = dE/dvalue of the same at every step; ``direct.k``
  (T, H), the part of dE/dhidden that comes from the layers above, the rest comes from the next
  step. ``from_input.k`` and ``from_hidden.k`` (T, n H) are the sums x W + b and h U of the n gates
  side by side: input, forget, candidate, output; reset, update, candidate; or that of an RNN. With
  peepholes, a mask or a truncation there are no error signals of gates and no sums. Gates are NaN
  at places that do not count. ``before.k`` (1, H), of an LSTM (2, H), is the state before the first
  step: hidden and cell.
- ``stream.k`` and ``stream_error.k`` float32 (T,): root mean square of the vector at each place
  and the norm of its error signal, for ``streams`` k. The first is the embedding: what reaches
  back to each token.

To see what reaches back from one place make a pass with ``PassRequest.position``. With ``roomy``
a text that is typed on needs no new program, so that its pass takes milliseconds.

A model that changes, such as one that trains in the page, is offered as a source. A `Desk`
(`routes.py`) owns the thread that works for all views; ``desk.routes()`` are its addresses:

    source = desk.ask(lambda viewer: viewer.sources.offer(Offer(title, model, data=data))).result()
    desk.ask(lambda viewer: viewer.sources.offer(Offer(title, newer, data=data), source))

A pass of the newer model uses the traced and compiled pass again, so it takes milliseconds.
"""
