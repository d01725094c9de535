"""Data sets by name or from files, with splits, preprocessor and batches.

>>> from clearprop import data
>>> parts = data.load("iris").split(dev=0.1, test=0.1, seed=0)
>>> len(parts.train), len(parts.dev), parts.input_shape
(120, 15, (4,))
"""

from clearprop.data.baseline import baselines
from clearprop.data.batching import Batch, batches, batches_per_epoch, epoch_order
from clearprop.data.catalog import LoadOptions, columns_of, load, load_inputs
from clearprop.data.catalog import available as list
from clearprop.data.columns import Column, TakenColumn
from clearprop.data.dataset import STREAM_LIMIT_BYTES, Dataset, Splits
from clearprop.data.description import Description, describe
from clearprop.data.fitted_columns import FittedColumn
from clearprop.data.idx import read_idx
from clearprop.data.named_sets import Row
from clearprop.data.new_rows import NewRows, new_rows
from clearprop.data.new_texts import NewTexts, new_texts
from clearprop.data.preprocessor import Preprocessor
from clearprop.data.readings import Reading
from clearprop.data.vocabulary import Vocabulary

__all__ = [
    "STREAM_LIMIT_BYTES",
    "Batch",
    "Column",
    "Dataset",
    "Description",
    "FittedColumn",
    "LoadOptions",
    "NewRows",
    "NewTexts",
    "Preprocessor",
    "Reading",
    "Row",
    "Splits",
    "TakenColumn",
    "Vocabulary",
    "baselines",
    "batches",
    "batches_per_epoch",
    "columns_of",
    "describe",
    "epoch_order",
    "list",
    "load",
    "load_inputs",
    "new_rows",
    "new_texts",
    "read_idx",
]
