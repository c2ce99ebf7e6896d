package org.edgedepth.demo;

import android.annotation.SuppressLint;
import android.graphics.ImageFormat;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureFailure;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.TotalCaptureResult;
import android.hardware.camera2.params.OutputConfiguration;
import android.hardware.camera2.params.SessionConfiguration;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.HandlerThread;
import android.os.Looper;
import android.os.SystemClock;
import android.view.Surface;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.edgedepth.core.SweepPlan;

/**
 * The camera: live picture, then a sweep with exposure and white balance held.
 *
 * <p>Each plane is asked for with the repeating request, and a picture is taken once the lens says
 * that it stands there. All of it happens on one thread; the listener is called on the main one.
 */
final class SweepCamera {
    interface Listener {
        /** The live picture runs; a sweep can begin. */
        void onPreview();

        /** The lens moves to a plane of the sweep. */
        void onPlane(int frame);

        void onFrame(CapturedFrame frame);

        /** All frames have been delivered. */
        void onSweepDone();

        /** The camera is gone or failed; a sweep under way ends here. */
        void onFailure(int message);
    }

    private enum State {
        CLOSED,
        OPENING,
        PREVIEW,
        CONVERGING,
        SETTLING,
        CAPTURING
    }

    private static final long CAPTURE_TIMEOUT_MS = 6000;

    private final CameraManager manager;
    private final CameraFacts facts;
    private final Listener listener;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final HandlerThread thread = new HandlerThread("camera");
    private final Handler handler;
    private final Runnable overdue = () -> fail(R.string.camera_silent);

    private State state = State.CLOSED;
    private CameraDevice device;
    private CameraCaptureSession session;
    private ImageReader reader;
    private Surface preview;
    private SweepPlan plan;
    private int jpegOrientation;
    private int plane;
    private LensWatch watch;
    private TotalCaptureResult result;
    private byte[] jpeg;

    SweepCamera(CameraManager manager, CameraFacts facts, Listener listener) {
        this.manager = manager;
        this.facts = facts;
        this.listener = listener;
        thread.start();
        handler = new Handler(thread.getLooper());
    }

    /** Open the camera and show its picture; the permission must have been granted. */
    void open(Surface surface) {
        handler.post(() -> openNow(surface));
    }

    /**
     * Begin a sweep.
     *
     * @param clockwiseDegrees by which pictures are turned to be upright
     */
    void sweep(SweepPlan wanted, int clockwiseDegrees) {
        handler.post(
                () -> {
                    if (state != State.PREVIEW) {
                        return;
                    }
                    plan = wanted;
                    jpegOrientation = clockwiseDegrees;
                    watch = LensWatch.converging(SystemClock.elapsedRealtime());
                    state = State.CONVERGING;
                });
    }

    /** Stop a sweep under way; the live picture goes on. */
    void abort() {
        handler.post(
                () -> {
                    boolean sweeping = state.compareTo(State.PREVIEW) > 0;
                    handler.removeCallbacks(overdue);
                    if (sweeping && repeat(Requests.live(device, facts, preview))) {
                        state = State.PREVIEW;
                    }
                });
    }

    /** Give the camera back; nothing is called afterwards. Waits until it is done. */
    void close() {
        handler.post(
                () -> {
                    release();
                    thread.quitSafely();
                });
        try {
            thread.join();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        main.removeCallbacksAndMessages(null);
    }

    @SuppressLint("MissingPermission")
    private void openNow(Surface surface) {
        preview = surface;
        state = State.OPENING;
        try {
            manager.openCamera(facts.id, new DeviceWatch(), handler);
        } catch (CameraAccessException | SecurityException | IllegalArgumentException refused) {
            fail(R.string.camera_not_opened);
        }
    }

    private void release() {
        state = State.CLOSED;
        handler.removeCallbacks(overdue);
        if (session != null) {
            session.close();
            session = null;
        }
        if (device != null) {
            device.close();
            device = null;
        }
        if (reader != null) {
            reader.close();
            reader = null;
        }
    }

    private void fail(int message) {
        if (state != State.CLOSED) {
            release();
            main.post(() -> listener.onFailure(message));
        }
    }

    private final class DeviceWatch extends CameraDevice.StateCallback {
        @Override
        public void onOpened(CameraDevice opened) {
            if (state != State.OPENING) {
                opened.close();
                return;
            }
            device = opened;
            reader =
                    ImageReader.newInstance(
                            facts.picture.getWidth(),
                            facts.picture.getHeight(),
                            ImageFormat.JPEG,
                            2);
            reader.setOnImageAvailableListener(SweepCamera.this::takeImage, handler);
            SessionConfiguration wanted =
                    new SessionConfiguration(
                            SessionConfiguration.SESSION_REGULAR,
                            Arrays.asList(
                                    new OutputConfiguration(preview),
                                    new OutputConfiguration(reader.getSurface())),
                            handler::post,
                            new SessionWatch());
            try {
                device.createCaptureSession(wanted);
            } catch (CameraAccessException | IllegalStateException | IllegalArgumentException e) {
                fail(R.string.camera_not_opened);
            }
        }

        @Override
        public void onDisconnected(CameraDevice lost) {
            lost.close();
            fail(R.string.camera_taken);
        }

        @Override
        public void onError(CameraDevice broken, int error) {
            broken.close();
            boolean busy =
                    error == ERROR_CAMERA_IN_USE
                            || error == ERROR_MAX_CAMERAS_IN_USE
                            || error == ERROR_CAMERA_DISABLED;
            fail(busy ? R.string.camera_taken : R.string.camera_broken);
        }
    }

    private final class SessionWatch extends CameraCaptureSession.StateCallback {
        @Override
        public void onConfigured(CameraCaptureSession configured) {
            if (state != State.OPENING) {
                return;
            }
            session = configured;
            if (repeat(Requests.live(device, facts, preview))) {
                state = State.PREVIEW;
                main.post(listener::onPreview);
            }
        }

        @Override
        public void onConfigureFailed(CameraCaptureSession refused) {
            fail(R.string.camera_not_opened);
        }
    }

    private boolean repeat(CaptureRequest request) {
        if (request == null) {
            fail(R.string.camera_broken);
            return false;
        }
        try {
            session.setRepeatingRequest(request, new LiveWatch(), handler);
            return true;
        } catch (CameraAccessException | IllegalStateException | IllegalArgumentException gone) {
            fail(R.string.camera_broken);
            return false;
        }
    }

    private final class LiveWatch extends CameraCaptureSession.CaptureCallback {
        @Override
        public void onCaptureCompleted(
                CameraCaptureSession of, CaptureRequest request, TotalCaptureResult seen) {
            long now = SystemClock.elapsedRealtime();
            if (state == State.CONVERGING && watch.converged(seen, now)) {
                toPlane(0);
            } else if (state == State.SETTLING && watch.settled(seen, request, now)) {
                capture();
            }
        }
    }

    private void toPlane(int index) {
        plane = index;
        float dioptres = (float) plan.focusDioptres(index);
        watch = LensWatch.settling(plan, index, SystemClock.elapsedRealtime());
        if (repeat(Requests.held(device, facts, preview, dioptres, index))) {
            state = State.SETTLING;
            main.post(() -> listener.onPlane(index));
        }
    }

    private void capture() {
        state = State.CAPTURING;
        result = null;
        jpeg = null;
        float dioptres = (float) plan.focusDioptres(plane);
        CaptureRequest request =
                Requests.still(device, facts, reader.getSurface(), dioptres, plane, jpegOrientation);
        if (request == null) {
            fail(R.string.camera_broken);
            return;
        }
        try {
            session.capture(request, new StillWatch(), handler);
            handler.postDelayed(overdue, CAPTURE_TIMEOUT_MS);
        } catch (CameraAccessException | IllegalStateException | IllegalArgumentException gone) {
            fail(R.string.camera_broken);
        }
    }

    private final class StillWatch extends CameraCaptureSession.CaptureCallback {
        @Override
        public void onCaptureCompleted(
                CameraCaptureSession of, CaptureRequest request, TotalCaptureResult taken) {
            if (state == State.CAPTURING) {
                result = taken;
                deliver();
            }
        }

        @Override
        public void onCaptureFailed(
                CameraCaptureSession of, CaptureRequest request, CaptureFailure failure) {
            fail(R.string.camera_broken);
        }
    }

    private void takeImage(ImageReader source) {
        try (Image image = source.acquireNextImage()) {
            if (image == null || state != State.CAPTURING) {
                return;
            }
            ByteBuffer bytes = image.getPlanes()[0].getBuffer();
            jpeg = new byte[bytes.remaining()];
            bytes.get(jpeg);
        }
        deliver();
    }

    /** Picture and metadata come apart, in either order. */
    private void deliver() {
        if (result == null || jpeg == null) {
            return;
        }
        handler.removeCallbacks(overdue);
        CapturedFrame frame = Requests.frame(plane, jpeg, plan.focusDioptres(plane), result);
        main.post(() -> listener.onFrame(frame));
        if (plane + 1 < plan.frames()) {
            toPlane(plane + 1);
        } else if (repeat(Requests.live(device, facts, preview))) {
            state = State.PREVIEW;
            main.post(listener::onSweepDone);
        }
    }
}
