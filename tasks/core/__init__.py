"""What the steps share. Imports nothing of ours from above it."""
