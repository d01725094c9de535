"""Models in the layouts of Hugging Face: GPT-2, BERT and ResNet, and sentence encoders.

`load` makes a model of `clearprop.models` from a folder with a configuration and weights. Nothing
is downloaded, and no code of the folder is run. `Tokenizer` (with the extra ``huggingface``) turns
texts into the tokens that such a model reads.
"""

from clearprop.interop.huggingface.load import load
from clearprop.interop.huggingface.tokenizer import Tokenizer

__all__ = ["Tokenizer", "load"]
