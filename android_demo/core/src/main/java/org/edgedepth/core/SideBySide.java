package org.edgedepth.core;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Work on as many threads as there are cores, four at most. */
final class SideBySide {
    private static final int MOST_THREADS = 4;
    private static final int STRIP_ROWS = 32;

    private SideBySide() {}

    /** Something to do with a range of rows, the last one excluded. */
    interface Rows {
        void work(int from, int to);
    }

    /** The results in the order of the jobs. */
    static <T> List<T> all(List<Callable<T>> jobs) {
        int cores = Runtime.getRuntime().availableProcessors();
        ExecutorService pool = Executors.newFixedThreadPool(Math.min(MOST_THREADS, cores));
        try {
            List<T> found = new ArrayList<>();
            for (Future<T> job : pool.invokeAll(jobs)) {
                found.add(job.get());
            }
            return found;
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        } catch (ExecutionException failed) {
            throw new IllegalStateException(failed.getCause());
        } finally {
            pool.shutdown();
        }
    }

    /** All rows of a plane of that height, in strips. */
    static void strips(int height, Rows rows) {
        List<Callable<Void>> jobs = new ArrayList<>();
        for (int top = 0; top < height; top += STRIP_ROWS) {
            int from = top;
            int to = Math.min(top + STRIP_ROWS, height);
            jobs.add(
                    () -> {
                        rows.work(from, to);
                        return null;
                    });
        }
        all(jobs);
    }
}
