// The library's choices, for a page without a server.
// Written by `python -m tools.studio_types` from clearprop/studio/playground/catalog.py: change that file and run the
// command again; a test compares the two.

import type { Catalog } from "./choices";

export const CATALOG: Catalog = {
 "data": [
  {
   "name": "circle",
   "about": "One class lies within a circle, the other around it.",
   "tasks": [
    "two classes"
   ],
   "uses": [
    "examples",
    "noise"
   ]
  },
  {
   "name": "xor",
   "about": "Exclusive-or: the class says whether x1 and x2 have the same sign.",
   "tasks": [
    "two classes"
   ],
   "uses": [
    "examples",
    "noise"
   ]
  },
  {
   "name": "gauss",
   "about": "Two clouds, around (-2, -2) and (2, 2); a single line can separate them.",
   "tasks": [
    "two classes"
   ],
   "uses": [
    "examples",
    "noise"
   ]
  },
  {
   "name": "spiral",
   "about": "Each class is an arm of a spiral, wound around the others.",
   "tasks": [
    "two classes",
    "several classes"
   ],
   "uses": [
    "examples",
    "noise",
    "classes"
   ]
  },
  {
   "name": "moons",
   "about": "Two half circles that reach into each other.",
   "tasks": [
    "two classes"
   ],
   "uses": [
    "examples",
    "noise"
   ]
  },
  {
   "name": "blobs",
   "about": "Each class is a cloud; the clouds stand in a ring.",
   "tasks": [
    "two classes",
    "several classes"
   ],
   "uses": [
    "examples",
    "noise",
    "classes"
   ]
  },
  {
   "name": "plane",
   "about": "A regression: the target is (x1 + x2) / 10.",
   "tasks": [
    "regression"
   ],
   "uses": [
    "examples",
    "noise"
   ]
  },
  {
   "name": "gauss-plane",
   "about": "A regression: the target has three hills and three hollows.",
   "tasks": [
    "regression"
   ],
   "uses": [
    "examples",
    "noise"
   ]
  },
  {
   "name": "table",
   "about": "Your own table: two of its columns, or its two principal components.",
   "tasks": [
    "two classes",
    "several classes",
    "regression"
   ],
   "uses": [
    "table",
    "columns",
    "target",
    "examples"
   ]
  },
  {
   "name": "drawn",
   "about": "Points that you draw into the picture.",
   "tasks": [
    "two classes",
    "several classes",
    "regression"
   ],
   "uses": [
    "points"
   ]
  }
 ],
 "features": [
  {
   "name": "x1",
   "about": "The place from left to right.",
   "options": []
  },
  {
   "name": "x2",
   "about": "The place from bottom to top.",
   "options": []
  },
  {
   "name": "x1^2",
   "about": "The square of x1: a unit can then see the distance from the middle.",
   "options": []
  },
  {
   "name": "x2^2",
   "about": "The square of x2: a unit can then see the distance from the middle.",
   "options": []
  },
  {
   "name": "x1*x2",
   "about": "The product: its sign says whether x1 and x2 have the same sign.",
   "options": []
  },
  {
   "name": "sin(x1)",
   "about": "A wave along x1 with the length 2 pi.",
   "options": []
  },
  {
   "name": "sin(x2)",
   "about": "A wave along x2 with the length 2 pi.",
   "options": []
  }
 ],
 "activations": [
  {
   "name": "binary_step",
   "about": "Binary threshold unit: y = 1 if x >= threshold else 0. No error passes a step.",
   "options": []
  },
  {
   "name": "elu",
   "about": "Exponential linear unit: y = x if x > 0 else alpha (e^x - 1), with dy/dx = 1 or alpha e^x.",
   "options": []
  },
  {
   "name": "gelu",
   "about": "Gaussian error linear unit: y = x Phi(x), with dy/dx = Phi(x) + x phi(x).",
   "options": []
  },
  {
   "name": "gelu_tanh",
   "about": "Gaussian error linear unit by tanh: y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.",
   "options": []
  },
  {
   "name": "identity",
   "about": "Linear unit: y = x, with dy/dx = 1.",
   "options": []
  },
  {
   "name": "leaky_relu",
   "about": "Leaky rectified linear unit: y = x if x > 0 else slope x, with dy/dx = 1 or slope.",
   "options": []
  },
  {
   "name": "relu",
   "about": "Rectified linear unit: y = max(x, 0), with dy/dx = 1 for x > 0, else 0.",
   "options": []
  },
  {
   "name": "sigmoid",
   "about": "Sigmoid unit: y = 1 / (1 + e^-x), with dy/dx = y (1 - y).",
   "options": []
  },
  {
   "name": "silu",
   "about": "Sigmoid linear unit: y = x s(x) with the sigmoid s, and dy/dx = s(x) + y (1 - s(x)).",
   "options": []
  },
  {
   "name": "softplus",
   "about": "Smooth rectifier: y = log(1 + e^x), with the sigmoid as its derivative. It never overflows.",
   "options": []
  },
  {
   "name": "tanh",
   "about": "Hyperbolic tangent: y = (e^x - e^-x) / (e^x + e^-x), with dy/dx = 1 - y^2.",
   "options": []
  }
 ],
 "losses": [
  {
   "name": "squared_error",
   "about": "sum (y - t)^2 / 2, as in the lectures: its error signal is y - t.",
   "outputs": {
    "two classes": "tanh",
    "regression": "identity"
   }
  },
  {
   "name": "mean_squared_error",
   "about": "The mean of (y - t)^2 over all entries, as in PyTorch and Keras.",
   "outputs": {
    "two classes": "tanh",
    "regression": "identity"
   }
  },
  {
   "name": "absolute_error",
   "about": "sum |y - t|: its error signal is the sign of y - t, so far targets pull as much as near ones.",
   "outputs": {
    "two classes": "tanh",
    "regression": "identity"
   }
  },
  {
   "name": "mean_absolute_error",
   "about": "The mean of |y - t| over all entries, as PyTorch's l1_loss and Keras define it.",
   "outputs": {
    "two classes": "tanh",
    "regression": "identity"
   }
  },
  {
   "name": "huber",
   "about": "The Huber loss, the mean over all entries of e^2 / 2 near the target.",
   "outputs": {
    "two classes": "tanh",
    "regression": "identity"
   }
  },
  {
   "name": "smooth_l1",
   "about": "The smooth L1 loss, the mean over all entries of e^2 / (2 beta) near the target.",
   "outputs": {
    "two classes": "tanh",
    "regression": "identity"
   }
  },
  {
   "name": "binary_squared_error",
   "about": "sum (y - t)^2 / 2 for outputs y in (0, 1) and targets 0 or 1: the loss of the first networks.",
   "outputs": {
    "two classes": "sigmoid"
   }
  },
  {
   "name": "log_loss",
   "about": "-t log y - (1 - t) log(1 - y) for outputs y in (0, 1) of a network that ends in a sigmoid. A logarithm counts as -100 at least. Where the sigmoid is exactly 0 or 1 it passes no error: binary_cross_entropy takes the values before the sigmoid, and learns there too.",
   "outputs": {
    "two classes": "sigmoid"
   }
  },
  {
   "name": "binary_cross_entropy",
   "about": "-t log y - (1 - t) log(1 - y) with y = sigmoid(z): outputs z before the sigmoid.",
   "outputs": {
    "two classes": "identity"
   }
  },
  {
   "name": "hinge",
   "about": "max(0, 1 - z) where the target is 1, max(0, 1 + z) where it is 0: the loss of a support vector machine, for targets 0 and 1.",
   "outputs": {
    "two classes": "identity"
   }
  },
  {
   "name": "perceptron",
   "about": "(y - t) z with y = 1 where z >= 0, else 0: outputs z before the threshold. Its error signal is y - t, so that gradient descent on one example is Rosenblatt's rule w += eta (t - y) x.",
   "outputs": {
    "two classes": "identity"
   }
  },
  {
   "name": "cross_entropy",
   "about": "-log softmax(z)[t]: outputs z (batch, classes) before softmax, targets class numbers or probabilities. Its error signal is y - t.",
   "outputs": {
    "two classes": "identity",
    "several classes": "identity"
   }
  },
  {
   "name": "nll",
   "about": "-y[t]: outputs y (batch, classes) are log-probabilities, as of log_softmax, and targets class numbers. cross_entropy takes the values before log_softmax and gives the same loss. As PyTorch's nll_loss.",
   "outputs": {
    "two classes": "log_softmax",
    "several classes": "log_softmax"
   }
  }
 ],
 "optimizers": [
  {
   "name": "adadelta",
   "about": "Scale each gradient by the ratio of past updates to past gradients, which fits its units.",
   "learning_rate": 1.0,
   "takes_penalties": true,
   "options": [
    {
     "name": "decay",
     "kind": "number",
     "default": 0.95,
     "about": "of both running means, from 0 to below 1 (the paper's rho)."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-06,
     "about": "lets the first updates differ from zero while r is zero, above 0."
    }
   ]
  },
  {
   "name": "adagrad",
   "about": "Divide by the root of the sum of all squared gradients: rare features keep a high rate.",
   "learning_rate": 0.01,
   "takes_penalties": true,
   "options": [
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-10,
     "about": "keeps the quotient finite while s is zero, 0 or above."
    },
    {
     "name": "initial_accumulator",
     "kind": "number",
     "default": 0.0,
     "about": "s before the first update, 0 or above."
    }
   ]
  },
  {
   "name": "adam",
   "about": "Descend along the mean gradient divided by the root mean square: steps of about the rate.",
   "learning_rate": 0.001,
   "takes_penalties": true,
   "options": [
    {
     "name": "beta1",
     "kind": "number",
     "default": 0.9,
     "about": "decay of the mean of gradients, from 0 to below 1."
    },
    {
     "name": "beta2",
     "kind": "number",
     "default": 0.999,
     "about": "decay of the mean of squared gradients, from 0 to below 1."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-08,
     "about": "keeps the quotient finite, 0 or above."
    },
    {
     "name": "amsgrad",
     "kind": "switch",
     "default": 0.0,
     "about": "whether rates may only fall (Reddi et al. 2018)."
    }
   ]
  },
  {
   "name": "adamax",
   "about": "Adam that divides by the largest gradient, which decays, instead of the root mean square.",
   "learning_rate": 0.002,
   "takes_penalties": true,
   "options": [
    {
     "name": "beta1",
     "kind": "number",
     "default": 0.9,
     "about": "decay of the mean of gradients, from 0 to below 1."
    },
    {
     "name": "beta2",
     "kind": "number",
     "default": 0.999,
     "about": "decay of the largest gradient, from 0 to below 1."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-08,
     "about": "keeps the quotient finite where all gradients are zero, above 0."
    }
   ]
  },
  {
   "name": "adamw",
   "about": "Adam with decoupled weight decay: the decay is not part of the gradient.",
   "learning_rate": 0.001,
   "takes_penalties": true,
   "options": [
    {
     "name": "weight_decay",
     "kind": "number",
     "default": 0.01,
     "about": "0 or above."
    },
    {
     "name": "beta1",
     "kind": "number",
     "default": 0.9,
     "about": "decay of the mean of gradients, from 0 to below 1."
    },
    {
     "name": "beta2",
     "kind": "number",
     "default": 0.999,
     "about": "decay of the mean of squared gradients, from 0 to below 1."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-08,
     "about": "keeps the quotient finite, 0 or above."
    },
    {
     "name": "amsgrad",
     "kind": "switch",
     "default": 0.0,
     "about": "whether rates may only fall (Reddi et al. 2018)."
    },
    {
     "name": "min_ndim",
     "kind": "whole",
     "default": 0.0,
     "about": "parameters with fewer axes do not decay, as in add_decayed_weights."
    }
   ]
  },
  {
   "name": "lamb",
   "about": "Give the step of every array the length of its weights times the rate: for large batches.",
   "learning_rate": 0.001,
   "takes_penalties": true,
   "options": [
    {
     "name": "weight_decay",
     "kind": "number",
     "default": 0.01,
     "about": "0 or above."
    },
    {
     "name": "beta1",
     "kind": "number",
     "default": 0.9,
     "about": "decay of the mean of gradients, from 0 to below 1."
    },
    {
     "name": "beta2",
     "kind": "number",
     "default": 0.999,
     "about": "decay of the mean of squared gradients, from 0 to below 1."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-06,
     "about": "keeps the quotient finite, 0 or above."
    },
    {
     "name": "min_ndim",
     "kind": "whole",
     "default": 0.0,
     "about": "parameters with fewer axes do not decay, as in add_decayed_weights."
    }
   ]
  },
  {
   "name": "lion",
   "about": "Move every parameter by the rate, in the direction of the sign of a mean of gradients.",
   "learning_rate": 0.0001,
   "takes_penalties": true,
   "options": [
    {
     "name": "weight_decay",
     "kind": "number",
     "default": 0.0,
     "about": "0 or above."
    },
    {
     "name": "beta1",
     "kind": "number",
     "default": 0.9,
     "about": "weight of the mean against the gradient in the direction, from 0 to below 1."
    },
    {
     "name": "beta2",
     "kind": "number",
     "default": 0.99,
     "about": "decay of the mean, from 0 to below 1."
    },
    {
     "name": "min_ndim",
     "kind": "whole",
     "default": 0.0,
     "about": "parameters with fewer axes do not decay, as in add_decayed_weights."
    }
   ]
  },
  {
   "name": "momentum",
   "about": "Descend with a velocity that sums past gradients and forgets them slowly: the heavy ball.",
   "learning_rate": 0.01,
   "takes_penalties": true,
   "options": [
    {
     "name": "momentum",
     "kind": "number",
     "default": 0.9,
     "about": "what remains of the velocity in each update, from 0 to below 1 (the lecture's eta)."
    }
   ]
  },
  {
   "name": "muon",
   "about": "Move matrices along their momentum with all singular values near 1; AdamW for the rest.",
   "learning_rate": 0.001,
   "takes_penalties": true,
   "options": [
    {
     "name": "weight_decay",
     "kind": "number",
     "default": 0.1,
     "about": "0 or above, for all parameters."
    },
    {
     "name": "momentum",
     "kind": "number",
     "default": 0.95,
     "about": "decay of the mean of gradients, from 0 to below 1."
    },
    {
     "name": "nesterov",
     "kind": "switch",
     "default": 1.0,
     "about": "whether the direction looks one step ahead."
    },
    {
     "name": "iterations",
     "kind": "whole",
     "default": 5.0,
     "about": "of the approximation, 1 or above."
    },
    {
     "name": "beta1",
     "kind": "number",
     "default": 0.9,
     "about": "of AdamW, as in adam."
    },
    {
     "name": "beta2",
     "kind": "number",
     "default": 0.999,
     "about": "of AdamW, as in adam."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-08,
     "about": "of AdamW, as in adam."
    },
    {
     "name": "min_ndim",
     "kind": "whole",
     "default": 0.0,
     "about": "parameters with fewer axes do not decay, as in add_decayed_weights."
    }
   ]
  },
  {
   "name": "nadam",
   "about": "Adam with Nesterov's momentum: the step already contains the momentum of the next one.",
   "learning_rate": 0.002,
   "takes_penalties": true,
   "options": [
    {
     "name": "beta1",
     "kind": "number",
     "default": 0.9,
     "about": "decay of the mean of gradients, and the momentum that mu approaches, from 0 to below 1."
    },
    {
     "name": "beta2",
     "kind": "number",
     "default": 0.999,
     "about": "decay of the mean of squared gradients, from 0 to below 1."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-08,
     "about": "keeps the quotient finite, 0 or above."
    },
    {
     "name": "momentum_decay",
     "kind": "number",
     "default": 0.004,
     "about": "how fast mu rises from about beta1 / 2 to beta1, 0 or above."
    }
   ]
  },
  {
   "name": "nesterov",
   "about": "Descend with momentum, by the gradient at the point that the velocity leads to.",
   "learning_rate": 0.01,
   "takes_penalties": true,
   "options": [
    {
     "name": "momentum",
     "kind": "number",
     "default": 0.9,
     "about": "what remains of the velocity in each update, from 0 to below 1."
    }
   ]
  },
  {
   "name": "radam",
   "about": "Adam whose first steps do not divide by a mean of too few squared gradients.",
   "learning_rate": 0.001,
   "takes_penalties": true,
   "options": [
    {
     "name": "beta1",
     "kind": "number",
     "default": 0.9,
     "about": "decay of the mean of gradients, from 0 to below 1."
    },
    {
     "name": "beta2",
     "kind": "number",
     "default": 0.999,
     "about": "as in adam; up to 2/3 the number rho stays below 5, and no step is divided."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-08,
     "about": "keeps the quotient finite, 0 or above."
    }
   ]
  },
  {
   "name": "rmsprop",
   "about": "Divide by the root of a running mean of squared gradients: Adagrad that forgets.",
   "learning_rate": 0.001,
   "takes_penalties": true,
   "options": [
    {
     "name": "decay",
     "kind": "number",
     "default": 0.9,
     "about": "of the running means, from 0 to below 1."
    },
    {
     "name": "epsilon",
     "kind": "number",
     "default": 1e-08,
     "about": "keeps the quotient finite, 0 or above."
    },
    {
     "name": "centered",
     "kind": "switch",
     "default": 0.0,
     "about": "whether to divide by the standard deviation of the gradients, not by their size."
    },
    {
     "name": "momentum",
     "kind": "number",
     "default": 0.0,
     "about": "what remains of the velocity in each update, from 0 to below 1."
    }
   ]
  },
  {
   "name": "sgd",
   "about": "Descend along the gradient: plain (stochastic, mini-batch) gradient descent.",
   "learning_rate": 0.01,
   "takes_penalties": true,
   "options": []
  },
  {
   "name": "hessian_free",
   "about": "Take Newton's step with the Gauss-Newton matrix, without computing the matrix.",
   "learning_rate": null,
   "takes_penalties": false,
   "options": [
    {
     "name": "damping",
     "kind": "number",
     "default": 1.0,
     "about": "the initial lambda; it adapts."
    },
    {
     "name": "iterations",
     "kind": "whole",
     "default": 100.0,
     "about": "the largest number of iterations in one update."
    },
    {
     "name": "memory",
     "kind": "number",
     "default": 0.95,
     "about": "the search starts at this fraction of the last solution, from 0 to below 1."
    },
    {
     "name": "tolerance",
     "kind": "number",
     "default": 0.0005,
     "about": "the search stops when an iteration gains less than this fraction on average, over the last tenth of the iterations and at least ten."
    },
    {
     "name": "averaging",
     "kind": "number",
     "default": 0.9,
     "about": "decay of the running mean of squares."
    }
   ]
  },
  {
   "name": "lbfgs",
   "about": "Descend along an estimate of Newton's direction, several iterations on the same batch.",
   "learning_rate": 1.0,
   "takes_penalties": false,
   "options": [
    {
     "name": "iterations",
     "kind": "whole",
     "default": 20.0,
     "about": "the largest number of iterations in an update."
    },
    {
     "name": "history",
     "kind": "whole",
     "default": 10.0,
     "about": "how many pairs are kept, H."
    },
    {
     "name": "tolerance_gradient",
     "kind": "number",
     "default": 1e-07,
     "about": "an update ends where no derivative is larger."
    },
    {
     "name": "tolerance_change",
     "kind": "number",
     "default": 1e-09,
     "about": "an update ends where neither a parameter nor the objective changes more."
    }
   ]
  }
 ],
 "schedules": [
  {
   "name": "constant",
   "about": "Keep the rate constant.",
   "options": []
  },
  {
   "name": "step",
   "about": "Multiply the rate by factor after every every updates.",
   "options": [
    {
     "name": "every",
     "kind": "whole",
     "default": 250.0,
     "about": "updates from one fall to the next."
    },
    {
     "name": "factor",
     "kind": "number",
     "default": 0.1,
     "about": "by which the rate is multiplied then."
    }
   ]
  },
  {
   "name": "exponential",
   "about": "Shrink the rate smoothly, by factor in each every updates.",
   "options": [
    {
     "name": "factor",
     "kind": "number",
     "default": 0.5,
     "about": "by which the rate is multiplied in so many updates."
    },
    {
     "name": "every",
     "kind": "number",
     "default": 250.0,
     "about": "so many updates."
    }
   ]
  },
  {
   "name": "cosine",
   "about": "Follow half a cosine from initial down to final, and stay there.",
   "options": [
    {
     "name": "steps",
     "kind": "whole",
     "default": 2500.0,
     "about": "updates until the last rate."
    },
    {
     "name": "final",
     "kind": "number",
     "default": 0.0,
     "about": "the last rate, 0 or above."
    }
   ]
  },
  {
   "name": "cosine_restarts",
   "about": "Follow half a cosine from initial down to final, then start again at initial.",
   "options": [
    {
     "name": "steps",
     "kind": "whole",
     "default": 250.0,
     "about": "updates in the first period."
    },
    {
     "name": "multiply",
     "kind": "whole",
     "default": 1.0,
     "about": "how many times longer each period is than the one before it: 1, 2, ..."
    },
    {
     "name": "final",
     "kind": "number",
     "default": 0.0,
     "about": "the rate that a period approaches; its last update is just above."
    }
   ]
  },
  {
   "name": "polynomial",
   "about": "Fall from initial to final along a polynomial (a line with power 1), and stay there.",
   "options": [
    {
     "name": "steps",
     "kind": "whole",
     "default": 2500.0,
     "about": "updates until the last rate."
    },
    {
     "name": "power",
     "kind": "number",
     "default": 1.0,
     "about": "of the fall: 1 is a line, more falls faster at first."
    },
    {
     "name": "final",
     "kind": "number",
     "default": 0.0,
     "about": "the last rate, 0 or above."
    }
   ]
  },
  {
   "name": "warmup",
   "about": "Rise in a line to the first rate of another schedule, then follow that from its beginning.",
   "options": [
    {
     "name": "steps",
     "kind": "whole",
     "default": 250.0,
     "about": "updates until the other schedule begins."
    },
    {
     "name": "start",
     "kind": "number",
     "default": 0.0,
     "about": "the first rate, as a fraction of then(0). With 0 the first update is 0."
    }
   ]
  },
  {
   "name": "cyclic",
   "about": "Rise in a line from lowest to highest and fall again, over and over.",
   "options": [
    {
     "name": "lowest",
     "kind": "number",
     "default": 0.001,
     "about": "the rate at the start of every cycle."
    },
    {
     "name": "steps_up",
     "kind": "whole",
     "default": 2000.0,
     "about": "updates from the lowest rate to the highest."
    }
   ]
  },
  {
   "name": "one_cycle",
   "about": "Rise to highest, then fall far below the first rate; the whole run is one cycle.",
   "options": [
    {
     "name": "steps",
     "kind": "whole",
     "default": 2500.0,
     "about": "updates of the run."
    },
    {
     "name": "rise",
     "kind": "number",
     "default": 0.3,
     "about": "the fraction of the run over which the rate rises; with three phases below 0.5."
    },
    {
     "name": "div_factor",
     "kind": "number",
     "default": 25.0,
     "about": "the first rate is so many times lower than the highest, 1 or above."
    },
    {
     "name": "final_div_factor",
     "kind": "number",
     "default": 10000.0,
     "about": "the last rate is so many times lower than the first, above 0."
    },
    {
     "name": "three_phases",
     "kind": "switch",
     "default": 0.0,
     "about": "whether the fall has two parts."
    }
   ]
  }
 ],
 "initializers": [
  {
   "name": "glorot_normal",
   "about": "N(0, 2 / (fan_in + fan_out)): Glorot's variance, normally distributed.",
   "options": []
  },
  {
   "name": "glorot_uniform",
   "about": "U(-b, b) with b = sqrt(6) / sqrt(fan_in + fan_out): variance 2 / (fan_in + fan_out).",
   "options": []
  },
  {
   "name": "he_normal",
   "about": "N(0, 2 / fan_in): keeps the variance through rectified units (He et al. 2015).",
   "options": []
  },
  {
   "name": "he_uniform",
   "about": "U(-b, b) with b = sqrt(6 / fan_in): keeps the variance through rectified units.",
   "options": []
  },
  {
   "name": "lecun_normal",
   "about": "N(0, 1 / fan_in): keeps the variance through linear units (LeCun et al. 1998).",
   "options": []
  },
  {
   "name": "normal",
   "about": "N(0, deviation^2), with deviation = 0.01.",
   "options": []
  },
  {
   "name": "ones",
   "about": "Ones, the initial values of the scales of normalization layers.",
   "options": []
  },
  {
   "name": "orthogonal",
   "about": "A random matrix with orthonormal rows or columns (Saxe et al. 2014); recurrent weights.",
   "options": []
  },
  {
   "name": "truncated_normal",
   "about": "N(0, s^2) between -2 s and 2 s, with s such that the deviation is as given, with deviation = 0.02.",
   "options": []
  },
  {
   "name": "uniform",
   "about": "U(-limit, limit): mean 0, variance limit^2 / 3, with limit = 0.05.",
   "options": []
  },
  {
   "name": "zeros",
   "about": "Zeros, the initial values of biases.",
   "options": []
  }
 ]
};
