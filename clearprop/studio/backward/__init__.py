"""The backward pass, step by step: a pass in single numbers as data that a page draws."""
