"""Networks as estimators of scikit-learn: in pipelines, grid searches and cross-validations.

>>> from sklearn.datasets import load_iris
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> x, y = load_iris(return_X_y=True)
>>> network = NetworkClassifier((16,), epochs=100, learning_rate=0.01, random_state=0)
>>> print(round(make_pipeline(StandardScaler(), network).fit(x, y).score(x, y), 2))
0.98
"""

from clearprop.interop.sklearn.classifier import NetworkClassifier
from clearprop.interop.sklearn.organizing import SelfOrganizingMapTransformer
from clearprop.interop.sklearn.perceptron import PerceptronClassifier
from clearprop.interop.sklearn.regressor import NetworkRegressor
from clearprop.interop.sklearn.transformer import NetworkTransformer

__all__ = [
    "NetworkClassifier",
    "NetworkRegressor",
    "NetworkTransformer",
    "PerceptronClassifier",
    "SelfOrganizingMapTransformer",
]
