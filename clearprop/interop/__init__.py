"""Models in the forms of other libraries.

`clearprop.interop.sklearn` has networks as estimators of scikit-learn, `clearprop.interop.pytorch`
weights of PyTorch, `clearprop.interop.huggingface` models in the layouts of Hugging Face, and
`clearprop.interop.tensorboard` runs as event files of TensorBoard.
"""
