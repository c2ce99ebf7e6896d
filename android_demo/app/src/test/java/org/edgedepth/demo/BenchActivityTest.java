package org.edgedepth.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import android.content.Intent;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

/** The benchmark as adb starts it; its answers go to Python, which holds them to the schema. */
@RunWith(RobolectricTestRunner.class)
public final class BenchActivityTest {
    private final Context context = RuntimeEnvironment.getApplication();

    private JSONObject ask(String id, Intent extras) throws Exception {
        File answer = new File(Storage.bench(context), id + ".json");
        Intent intent = new Intent(context, BenchActivity.class).putExtras(extras);
        Robolectric.buildActivity(BenchActivity.class, intent.putExtra("id", id)).setup();
        Waiting.until("the answer " + id, answer::isFile);
        File copy = new File(System.getProperty("edgedepth.out"), "bench_" + id + ".json");
        Files.copy(answer.toPath(), copy.toPath());
        byte[] text = Files.readAllBytes(answer.toPath());
        return new JSONObject(new String(text, StandardCharsets.UTF_8));
    }

    @Test
    public void itMeasures() throws Exception {
        Intent extras =
                new Intent()
                        .putExtra("model", Models.FP16)
                        .putExtra("threads", 1)
                        .putExtra("rounds", 2)
                        .putExtra("runs", 3)
                        .putExtra("warmup", 1);
        JSONObject answer = ask("measured", extras);
        assertTrue(answer.toString(), answer.isNull("error"));
        assertEquals(2, answer.getJSONArray("rounds").length());
        JSONObject round = answer.getJSONArray("rounds").getJSONObject(0);
        assertEquals(3, round.getJSONArray("samples_s").length());
        assertEquals(
                3 * answer.getInt("frames"), round.getJSONArray("per_frame_s").length());
        assertEquals("desk", answer.getString("input"));
    }

    @Test
    public void itPrepares() throws Exception {
        JSONObject answer = ask("prepared", new Intent().putExtra("prepare", true));
        assertTrue(answer.isNull("error"));
        assertTrue(answer.getJSONArray("models").toString().contains(Models.INT8));
        assertTrue(answer.getJSONArray("sweeps").toString().contains("desk"));
        assertTrue(Models.folder(context).isDirectory());
    }

    @Test
    public void itMakesTheFolderOfASweepToBePushed() throws Exception {
        Intent extras = new Intent().putExtra("prepare", true).putExtra("sweep", "kitchen");
        JSONObject answer = ask("pushing", extras);
        assertTrue(answer.toString(), answer.isNull("error"));
        File folder = new File(Storage.sweeps(context), "kitchen");
        assertTrue(folder.isDirectory());
        assertFalse("it holds nothing yet", Storage.names(context).contains("kitchen"));
        JSONObject outside =
                ask("outside", new Intent().putExtra("prepare", true).putExtra("sweep", "../kitchen"));
        assertTrue(outside.getString("error").contains("without slashes"));
    }

    @Test
    public void theSampleIsUnpackedIntoAnEmptyFolder() throws Exception {
        Storage.makeSweep(context, Storage.SAMPLE);
        assertTrue(Storage.pictures(Storage.sweep(context, Storage.SAMPLE)).length > 0);
    }

    @Test
    public void whatCannotBeIsSaid() throws Exception {
        JSONObject path = ask("path", new Intent().putExtra("model", "../secret.tflite"));
        assertTrue(path.getString("error").contains("without slashes"));
        JSONObject none = ask("none", new Intent().putExtra("model", "none.tflite"));
        assertTrue(none.getString("error").contains("no model none.tflite"));
        JSONObject threads = ask("threads", new Intent().putExtra("threads", 99));
        assertTrue(threads.getString("error").contains("1 to 16"));
    }

    @Test
    public void aDelegateThatRefusesIsAnError() throws Exception {
        Intent extras = new Intent().putExtra("delegate", "gpu").putExtra("model", Models.FP16);
        JSONObject answer = ask("gpu", extras);
        assertFalse("there is no GPU here", answer.isNull("error"));
        assertFalse(answer.has("rounds"));
    }
}
