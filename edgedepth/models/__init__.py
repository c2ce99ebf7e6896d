"""The networks: presets, layers that survive QAT, the step and the decoder."""
