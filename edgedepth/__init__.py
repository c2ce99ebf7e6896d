"""edgedepth: a phone's focal sweep in, a metric depth map out, on the device."""

__version__ = "0.1.0"
