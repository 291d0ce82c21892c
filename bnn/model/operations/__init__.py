"""TensorFlow functions that stand in a graph beside the layers."""
