"""From a network to stages: operands, windows and thresholds that a mapping can lay out."""
