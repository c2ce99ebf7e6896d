package org.edgedepth.demo;

import android.content.Context;
import android.util.AttributeSet;
import android.util.Size;
import android.view.SurfaceView;

/** The live picture in its own shape, as large as fits. The system turns it upright. */
public final class PreviewView extends SurfaceView {
    private int across = 3;
    private int down = 4;

    public PreviewView(Context context, AttributeSet attributes) {
        super(context, attributes);
    }

    /**
     * @param size of the preview as the sensor lies
     * @param quarterTurned the display shows it turned by a quarter
     */
    void show(Size size, boolean quarterTurned) {
        getHolder().setFixedSize(size.getWidth(), size.getHeight());
        across = quarterTurned ? size.getHeight() : size.getWidth();
        down = quarterTurned ? size.getWidth() : size.getHeight();
        requestLayout();
    }

    @Override
    protected void onMeasure(int widthSpec, int heightSpec) {
        int width = MeasureSpec.getSize(widthSpec);
        int height = MeasureSpec.getSize(heightSpec);
        if (width * down > height * across) {
            width = height * across / down;
        } else {
            height = width * down / across;
        }
        setMeasuredDimension(width, height);
    }
}
