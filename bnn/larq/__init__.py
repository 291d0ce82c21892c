"""Reading the files that Larq saves, without TensorFlow and without running code from them."""
