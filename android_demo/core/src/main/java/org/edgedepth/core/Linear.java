package org.edgedepth.core;

/** Small systems of linear equations. */
final class Linear {
    private Linear() {}

    /** Solution of {@code matrix x = right}; null if the matrix is singular. */
    static double[] solve(double[][] matrix, double[] right) {
        int n = right.length;
        double[][] a = new double[n][];
        for (int i = 0; i < n; i++) {
            a[i] = new double[n + 1];
            System.arraycopy(matrix[i], 0, a[i], 0, n);
            a[i][n] = right[i];
        }
        for (int pivot = 0; pivot < n; pivot++) {
            int best = pivot;
            for (int row = pivot + 1; row < n; row++) {
                best = Math.abs(a[row][pivot]) > Math.abs(a[best][pivot]) ? row : best;
            }
            double[] line = a[best];
            a[best] = a[pivot];
            a[pivot] = line;
            if (!(Math.abs(line[pivot]) > 1e-300)) {
                return null;
            }
            for (int row = pivot + 1; row < n; row++) {
                double factor = a[row][pivot] / line[pivot];
                for (int column = pivot; column <= n; column++) {
                    a[row][column] -= factor * line[column];
                }
            }
        }
        double[] x = new double[n];
        for (int row = n - 1; row >= 0; row--) {
            double sum = a[row][n];
            for (int column = row + 1; column < n; column++) {
                sum -= a[row][column] * x[column];
            }
            x[row] = sum / a[row][row];
        }
        return x;
    }
}
