package org.edgedepth.core;

/** A model, a sidecar or a sweep that cannot be used; the message is one line for the user. */
public final class UnusableException extends Exception {
    private static final long serialVersionUID = 1L;

    public UnusableException(String message) {
        super(message);
    }
}
