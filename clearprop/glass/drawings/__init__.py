"""Pictures of what is inside a model: each one arrays, computed, and then a drawing of them."""
