package org.edgedepth.demo;

import android.Manifest;
import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.content.res.Configuration;
import android.graphics.Bitmap;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraManager;
import android.net.Uri;
import android.os.Bundle;
import android.view.SurfaceHolder;
import android.view.View;
import android.view.WindowManager;
import android.widget.Button;
import android.widget.ImageButton;
import android.widget.ImageView;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.util.Locale;
import org.edgedepth.core.SweepPlan;

/** The first screen: live picture, what the camera can do, and the button that sweeps. */
public final class CaptureActivity extends Activity
        implements SweepCamera.Listener, LiveSweep.Listener, SurfaceHolder.Callback {
    private static final int ASK_CAMERA = 1;

    private PreviewView preview;
    private TextView status;
    private TextView cameraFacts;
    private Button remedy;
    private ImageButton shutter;
    private ImageView liveDepth;
    private ProgressBar progress;

    private CameraFacts facts;
    private SweepCamera camera;
    private LiveSweep live;
    private SweepPlan plan;
    private boolean resumed;
    private boolean surfaceReady;
    private boolean asked;
    /** What the user has to know until the next sweep; null for nothing. */
    private String notice;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.capture);
        preview = findViewById(R.id.preview);
        status = findViewById(R.id.status);
        cameraFacts = findViewById(R.id.camera_facts);
        remedy = findViewById(R.id.remedy);
        shutter = findViewById(R.id.shutter);
        liveDepth = findViewById(R.id.live_depth);
        progress = findViewById(R.id.progress);
        asked = saved != null && saved.getBoolean("asked");
        preview.getHolder().addCallback(this);
        shutter.setOnClickListener(pressed -> sweep());
        shutter.setEnabled(false);
        findViewById(R.id.open_sweeps).setOnClickListener(pressed -> open(SweepListActivity.class));
        findViewById(R.id.open_settings).setOnClickListener(pressed -> open(SettingsActivity.class));
        Storage.tidy(this);
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        out.putBoolean("asked", asked);
    }

    @Override
    protected void onResume() {
        super.onResume();
        resumed = true;
        live = new LiveSweep(this, this);
        live.warmUp();
        remedy.setVisibility(View.GONE);
        if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            startCamera();
        } else if (!asked) {
            asked = true;
            status.setText(R.string.permission_needed);
            requestPermissions(new String[] {Manifest.permission.CAMERA}, ASK_CAMERA);
        } else {
            tellRefused();
        }
    }

    @Override
    protected void onPause() {
        resumed = false;
        if (plan != null) {
            live.finish(R.string.sweep_interrupted);
            endSweep();
        }
        closeCamera();
        live.close();
        super.onPause();
    }

    @Override
    public void onConfigurationChanged(Configuration changed) {
        super.onConfigurationChanged(changed);
        shapePreview();
    }

    @Override
    public void onRequestPermissionsResult(int code, String[] names, int[] answers) {
        if (answers.length > 0 && answers[0] != PackageManager.PERMISSION_GRANTED) {
            tellRefused();
        }
    }

    private void tellRefused() {
        boolean again = shouldShowRequestPermissionRationale(Manifest.permission.CAMERA);
        status.setText(R.string.permission_refused);
        remedy.setText(again ? R.string.ask_again : R.string.open_app_settings);
        remedy.setVisibility(View.VISIBLE);
        remedy.setOnClickListener(
                pressed -> {
                    if (again) {
                        requestPermissions(new String[] {Manifest.permission.CAMERA}, ASK_CAMERA);
                    } else {
                        Uri app = Uri.fromParts("package", getPackageName(), null);
                        startActivity(
                                new Intent(
                                        android.provider.Settings
                                                .ACTION_APPLICATION_DETAILS_SETTINGS,
                                        app));
                    }
                });
    }

    private void startCamera() {
        try {
            facts = CameraFacts.choose(getSystemService(CameraManager.class));
        } catch (CameraAccessException | IllegalArgumentException broken) {
            status.setText(R.string.camera_broken);
            return;
        }
        if (facts == null) {
            status.setText(R.string.no_camera);
            return;
        }
        if (!facts.sweeps()) {
            cameraFacts.setText("");
            status.setText(R.string.no_manual_focus);
            return;
        }
        cameraFacts.setText(
                getString(
                        R.string.camera_facts,
                        SweepDepth.metres(facts.minimumFocusDioptres, locale()),
                        getString(facts.calibration.text)));
        status.setText(R.string.starting_camera);
        shapePreview();
        openWhenReady();
    }

    private void shapePreview() {
        if (facts != null && facts.preview != null) {
            preview.show(facts.preview, pictureDegrees() % 180 != 0);
        }
    }

    private int pictureDegrees() {
        int rotation = getWindowManager().getDefaultDisplay().getRotation();
        return Orientation.picture(facts.sensorOrientation, Orientation.degrees(rotation));
    }

    private void openWhenReady() {
        boolean allowed =
                checkSelfPermission(Manifest.permission.CAMERA)
                        == PackageManager.PERMISSION_GRANTED;
        if (resumed && surfaceReady && allowed && facts != null && camera == null) {
            camera = new SweepCamera(getSystemService(CameraManager.class), facts, this);
            camera.open(preview.getHolder().getSurface());
        }
    }

    private void closeCamera() {
        shutter.setEnabled(false);
        if (camera != null) {
            camera.close();
            camera = null;
        }
    }

    @Override
    public void surfaceCreated(SurfaceHolder holder) {
        surfaceReady = false;
    }

    @Override
    public void surfaceChanged(SurfaceHolder holder, int format, int width, int height) {
        boolean ours =
                facts != null
                        && facts.preview != null
                        && width == facts.preview.getWidth()
                        && height == facts.preview.getHeight();
        if (ours && !surfaceReady) {
            surfaceReady = true;
            openWhenReady();
        }
    }

    @Override
    public void surfaceDestroyed(SurfaceHolder holder) {
        surfaceReady = false;
        closeCamera();
    }

    private void sweep() {
        Settings chosen = Settings.read(this);
        if (!Storage.hasRoom(this, chosen.frames)) {
            status.setText(R.string.disk_full);
            return;
        }
        try {
            plan =
                    SweepPlan.forLens(
                            chosen.farDioptres(),
                            chosen.nearDioptres(),
                            chosen.frames,
                            facts.minimumFocusDioptres);
        } catch (IllegalArgumentException narrow) {
            status.setText(R.string.range_too_narrow);
            return;
        }
        notice = null;
        remedy.setVisibility(View.GONE);
        shutter.setEnabled(false);
        progress.setMax(plan.frames());
        progress.setProgress(0);
        progress.setVisibility(View.VISIBLE);
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        status.setText(R.string.hold_still);
        live.begin(facts, plan);
        camera.sweep(plan, pictureDegrees());
    }

    private void endSweep() {
        plan = null;
        progress.setVisibility(View.INVISIBLE);
        liveDepth.setVisibility(View.GONE);
        getWindow().clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
    }

    @Override
    public void onPreview() {
        shutter.setEnabled(true);
        status.setText(notice == null ? getString(R.string.ready) : notice);
    }

    @Override
    public void onPlane(int frame) {
        if (plan != null) {
            String distance = SweepDepth.metres(plan.focusDioptres(frame), locale());
            status.setText(getString(R.string.plane, frame + 1, plan.frames(), distance));
        }
    }

    @Override
    public void onFrame(CapturedFrame frame) {
        if (plan != null) {
            progress.setProgress(frame.index + 1);
            live.add(frame);
        }
    }

    @Override
    public void onSweepDone() {
        if (plan != null) {
            status.setText(R.string.computing);
            live.finish(0);
        }
    }

    @Override
    public void onFailure(int message) {
        closeCamera();
        if (plan != null) {
            live.finish(message);
        }
        status.setText(message);
        remedy.setText(R.string.try_again);
        remedy.setVisibility(View.VISIBLE);
        remedy.setOnClickListener(
                pressed -> {
                    remedy.setVisibility(View.GONE);
                    startCamera();
                });
    }

    @Override
    public void onDepth(int frames, Bitmap colours) {
        if (plan != null) {
            liveDepth.setImageBitmap(colours);
            liveDepth.setVisibility(View.VISIBLE);
        }
    }

    @Override
    public void onEnded(LiveSweep from, String name, int frames, int problem) {
        int planned = progress.getMax();
        if (problem != 0) {
            int kept = name == null ? R.string.nothing_kept : R.string.some_kept;
            notice = getString(problem) + "\n" + getString(kept, frames, planned);
            status.setText(notice);
        }
        if (from != live || plan == null) {
            return;
        }
        endSweep();
        if (camera != null) {
            camera.abort();
            shutter.setEnabled(true);
        }
        if (problem == 0) {
            status.setText(R.string.ready);
            if (resumed && name != null) {
                DepthActivity.open(this, name);
            }
        }
    }

    private void open(Class<? extends Activity> screen) {
        startActivity(new Intent(this, screen));
    }

    private Locale locale() {
        return getResources().getConfiguration().getLocales().get(0);
    }
}
