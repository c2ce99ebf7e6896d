package org.edgedepth.demo;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.LinearGradient;
import android.graphics.Paint;
import android.graphics.RectF;
import android.graphics.Shader;
import android.util.AttributeSet;
import android.view.KeyEvent;
import android.view.MotionEvent;
import android.view.View;
import java.util.List;

/** A layer of the depth map with a cross where the user tapped and a scale in metres below. */
public final class DepthView extends View {
    interface Listener {
        /** The user points at a place, each in [0, 1) from the upper left. */
        void onPoint(float across, float down);
    }

    private static final float STEP = 0.02f;
    private static final int COLOURS = 64;

    private final Paint smooth = new Paint(Paint.FILTER_BITMAP_FLAG);
    private final Paint ink = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint halo = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint ramp = new Paint();
    private final RectF place = new RectF();
    private final RectF bar = new RectF();
    private final float dp;
    private Bitmap picture;
    private List<Palette.Tick> ticks;
    private String[] labels;
    private float across = -1;
    private float down = -1;
    private Listener listener;

    public DepthView(Context context, AttributeSet attributes) {
        super(context, attributes);
        dp = getResources().getDisplayMetrics().density;
        ink.setColor(context.getColor(R.color.ink));
        ink.setStrokeWidth(2 * dp);
        ink.setTextSize(
                13 * dp * Math.max(1f, getResources().getConfiguration().fontScale));
        ink.setTextAlign(Paint.Align.CENTER);
        halo.setColor(0xFF000000);
        halo.setStrokeWidth(4 * dp);
    }

    void setListener(Listener wanted) {
        listener = wanted;
    }

    /** Show a picture; a scale of distances goes below unless {@code ticks} is null. */
    void show(Bitmap layer, List<Palette.Tick> scale, String[] names) {
        picture = layer;
        ticks = scale;
        labels = names;
        arrange();
        invalidate();
    }

    /** Put the cross somewhere; outside of [0, 1) there is none. */
    void point(float atAcross, float atDown) {
        across = atAcross;
        down = atDown;
        invalidate();
    }

    @Override
    protected void onSizeChanged(int width, int height, int oldWidth, int oldHeight) {
        arrange();
    }

    private void arrange() {
        float below = ticks == null ? 0 : 24 * dp + ink.getTextSize();
        if (picture == null) {
            place.setEmpty();
            return;
        }
        float room = Math.max(1, getHeight() - below);
        float scale = Math.min(getWidth() / (float) picture.getWidth(), room / picture.getHeight());
        float width = picture.getWidth() * scale;
        float height = picture.getHeight() * scale;
        float left = (getWidth() - width) / 2;
        float top = (room - height) / 2;
        place.set(left, top, left + width, top + height);
        float side = Math.max(24 * dp, left);
        bar.set(side, place.bottom + 6 * dp, getWidth() - side, place.bottom + 16 * dp);
        int[] colours = new int[COLOURS];
        for (int i = 0; i < COLOURS; i++) {
            colours[i] = Palette.colour(1 - i / (COLOURS - 1.0));
        }
        ramp.setShader(
                new LinearGradient(
                        bar.left, 0, bar.right, 0, colours, null, Shader.TileMode.CLAMP));
    }

    @Override
    protected void onDraw(Canvas canvas) {
        super.onDraw(canvas);
        if (picture == null) {
            return;
        }
        canvas.drawBitmap(picture, null, place, smooth);
        if (ticks != null) {
            drawScale(canvas);
        }
        if (across >= 0) {
            float x = place.left + across * place.width();
            float y = place.top + down * place.height();
            drawCross(canvas, x, y, halo);
            drawCross(canvas, x, y, ink);
        }
    }

    private void drawScale(Canvas canvas) {
        canvas.drawRect(bar, ramp);
        for (int i = 0; i < ticks.size(); i++) {
            float x = bar.right - ticks.get(i).place * bar.width();
            canvas.drawLine(x, bar.bottom, x, bar.bottom + 4 * dp, ink);
            canvas.drawText(labels[i], x, bar.bottom + 6 * dp + ink.getTextSize(), ink);
        }
    }

    private void drawCross(Canvas canvas, float x, float y, Paint paint) {
        float arm = 14 * dp;
        canvas.drawLine(x - arm, y, x + arm, y, paint);
        canvas.drawLine(x, y - arm, x, y + arm, paint);
    }

    @Override
    public boolean onTouchEvent(MotionEvent event) {
        if (picture == null || event.getActionMasked() != MotionEvent.ACTION_UP) {
            return picture != null;
        }
        if (place.contains(event.getX(), event.getY())) {
            across = (event.getX() - place.left) / place.width();
            down = (event.getY() - place.top) / place.height();
            performClick();
        }
        return true;
    }

    /** Also how a screen reader or a keyboard points: at the cross, at first the middle. */
    @Override
    public boolean performClick() {
        super.performClick();
        if (across < 0) {
            across = 0.5f;
            down = 0.5f;
        }
        tell();
        return true;
    }

    @Override
    public boolean onKeyDown(int key, KeyEvent event) {
        float x = key == KeyEvent.KEYCODE_DPAD_LEFT ? -STEP : key == KeyEvent.KEYCODE_DPAD_RIGHT ? STEP : 0;
        float y = key == KeyEvent.KEYCODE_DPAD_UP ? -STEP : key == KeyEvent.KEYCODE_DPAD_DOWN ? STEP : 0;
        if (x == 0 && y == 0 || picture == null || across < 0) {
            return super.onKeyDown(key, event);
        }
        across = Math.min(0.999f, Math.max(0, across + x));
        down = Math.min(0.999f, Math.max(0, down + y));
        tell();
        return true;
    }

    private void tell() {
        invalidate();
        if (listener != null) {
            listener.onPoint(across, down);
        }
    }
}
