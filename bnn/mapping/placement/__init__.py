"""Where things lie: fan-ins in subarrays, columns in rows, rows in banks."""
