"""One model with its data, ready to learn: what the harness trains, and `options.table` names."""
