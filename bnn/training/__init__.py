"""What a training is made of, TensorFlow apart: architectures, recipe, checkpoints, cards."""
