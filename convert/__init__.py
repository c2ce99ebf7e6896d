"""From a trained run to a .tflite file that says what it is."""
