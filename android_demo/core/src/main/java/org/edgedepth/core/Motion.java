package org.edgedepth.core;

/** How a frame moved against the reference, and what is to be done with it. */
public final class Motion {
    /** What is to be done with a frame. */
    public enum Verdict {
        /** It is the first one. */
        REFERENCE,
        /** It is warped over the reference. */
        ALIGNED,
        /** It is used as it is. */
        UNALIGNED,
        /** It is left out. */
        REJECTED
    }

    public static final Motion REFERENCE =
            new Motion(Verdict.REFERENCE, Similarity.IDENTITY, 1, "");

    public final Verdict verdict;
    /** From reference pixels to the frame's, at {@link Aligner#WORK_SIDE}. */
    public final Similarity similarity;
    /** Correlation with the reference after aligning, -1 to 1. */
    public final double score;
    /** Why, when it is not aligned. */
    public final String reason;

    private Motion(Verdict verdict, Similarity similarity, double score, String reason) {
        this.verdict = verdict;
        this.similarity = similarity;
        this.score = score;
        this.reason = reason;
    }

    static Motion aligned(Similarity similarity, double score) {
        return new Motion(Verdict.ALIGNED, similarity, score, "");
    }

    static Motion unaligned(String reason) {
        return new Motion(Verdict.UNALIGNED, Similarity.IDENTITY, 0, reason);
    }

    static Motion rejected(Similarity similarity, double score, String reason) {
        return new Motion(Verdict.REJECTED, similarity, score, reason);
    }

    /** It goes into the focal stack. */
    public boolean used() {
        return verdict != Verdict.REJECTED;
    }
}
