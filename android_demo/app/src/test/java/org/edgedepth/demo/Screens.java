package org.edgedepth.demo;

import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.view.View;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;

/** Screens as pictures, drawn by the platform's own code. */
final class Screens {
    private Screens() {}

    /** What changed since the screen was first laid out moves its neighbours. */
    private static void layOut(View root, int width, int height) {
        root.measure(
                View.MeasureSpec.makeMeasureSpec(width, View.MeasureSpec.EXACTLY),
                View.MeasureSpec.makeMeasureSpec(height, View.MeasureSpec.EXACTLY));
        root.layout(0, 0, width, height);
    }

    /** Draw what a screen shows into {@code NAME.png} in the folder for results. */
    static void keep(Activity screen, String name) throws IOException {
        View root = screen.getWindow().getDecorView();
        layOut(root, root.getWidth(), root.getHeight());
        Bitmap picture =
                Bitmap.createBitmap(root.getWidth(), root.getHeight(), Bitmap.Config.ARGB_8888);
        root.draw(new Canvas(picture));
        File goal = new File(System.getProperty("edgedepth.out"), name + ".png");
        try (FileOutputStream stream = new FileOutputStream(goal)) {
            picture.compress(Bitmap.CompressFormat.PNG, 100, stream);
        }
    }
}
