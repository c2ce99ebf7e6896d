"""Learning from one's own sweeps: calibration, sweeps without metres, fine-tuning, embeddings."""
