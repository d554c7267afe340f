"""Pictures of trainings, drawn from their logs and results."""
