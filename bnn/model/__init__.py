"""A network as its file has it: layers, quantizers and their exact reference."""
