"""What a training is told: losses, optimizers, schedules, and named settings of them."""
