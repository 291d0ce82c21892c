"""What a run and a circuit study say: as JSON, as tables, as rows."""
