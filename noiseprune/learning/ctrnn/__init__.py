"""The constrained rate network: model, layers, masks, losses."""
