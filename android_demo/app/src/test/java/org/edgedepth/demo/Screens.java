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

    /** Draw what a screen shows into {@code NAME.png} in the folder for results. */
    static void keep(Activity screen, String name) throws IOException {
        View root = screen.getWindow().getDecorView();
        Bitmap picture =
                Bitmap.createBitmap(root.getWidth(), root.getHeight(), Bitmap.Config.ARGB_8888);
        root.draw(new Canvas(picture));
        File goal = new File(System.getProperty("edgedepth.out"), name + ".png");
        try (FileOutputStream stream = new FileOutputStream(goal)) {
            picture.compress(Bitmap.CompressFormat.PNG, 100, stream);
        }
    }
}
