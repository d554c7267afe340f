"""Rate networks with biological constraints, trained by gradient descent."""
