"""What all commands share in speaking to people and files."""
