// What each term means, in one or two sentences.
// Written by `python -m tools.studio_types` from clearprop/glass/glossary.py: change that file and run the
// command again; a test compares the two.

export const GLOSSARY = {
  "error signal": "The derivative of the loss with respect to a value: by how much the loss changes when the value grows a little, divided by that little.",
  "objective": "The number that training makes smaller: the mean loss of the examples.",
  "loss": "How far the output for one example is from its target; 0 where it is as wished.",
  "weight of a finding": "How strongly a finding limits the result, from 0 to 1. From 0.5 on it is a fault, below it is a note.",
  "fault": "A finding that limits the result, or makes its numbers wrong. Begin with these.",
  "note": "A finding that is good to know, and that need not be mended.",
  "epoch": "One pass through all training examples.",
  "training error": "The error on the examples from which the network learns, measured during an epoch, while the weights change.",
  "development error": "The error on examples that are held out of the training. It shows how well the network does on new examples, and when to stop.",
  "overfitting": "The network learns its training examples by heart: their error falls, and the error on other examples rises.",
  "confidence": "The probability that the network gives to the class that it predicts.",
  "gradient": "The error signals of all weights. Training moves the weights against it.",
  "vanish": "An error signal vanishes if it shrinks to almost nothing on the way to the input.",
  "explode": "An error signal explodes if it grows without limit on the way to the input.",
  "silent unit": "A unit whose output is exactly 0. No error signal passes through it.",
  "local derivative": "The derivative of the output of one operation with respect to one of its inputs. The chain rule multiplies it by the error signal of the output.",
  "node": "One value of the pass: an input, a parameter, or the result of one operation."
} as const;
