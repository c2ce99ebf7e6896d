"""The Android app: build it, put it on a phone, fetch what it captured."""
