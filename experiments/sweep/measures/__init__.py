"""What a sweep measures, and the fields that it can vary."""
