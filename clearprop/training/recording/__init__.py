"""Recording during training: what is looked at, how often, and where the numbers go."""
