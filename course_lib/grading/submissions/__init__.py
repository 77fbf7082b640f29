"""Other people's files: found, recognized, and taken apart."""
