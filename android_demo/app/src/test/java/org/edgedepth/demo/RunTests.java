package org.edgedepth.demo;

import java.util.HashSet;
import java.util.Set;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/** Runs test classes and prints a line for each test: ok or FAIL, class and method, why. */
public final class RunTests {
    private RunTests() {}

    public static void main(String[] names) throws ClassNotFoundException {
        Class<?>[] classes = new Class<?>[names.length];
        for (int i = 0; i < names.length; i++) {
            classes[i] = Class.forName(names[i]);
        }
        JUnitCore core = new JUnitCore();
        core.addListener(new Printer());
        System.exit(core.run(classes).wasSuccessful() ? 0 : 1);
    }

    private static final class Printer extends RunListener {
        private final Set<String> failed = new HashSet<>();

        private static String name(Description test) {
            String method = String.valueOf(test.getMethodName()).split("\\[", 2)[0];
            return test.getTestClass().getSimpleName() + "." + method;
        }

        @Override
        public void testFailure(Failure failure) {
            String name = name(failure.getDescription());
            failed.add(name);
            System.out.println("FAIL " + name + " " + failure.getTrimmedTrace().replace("\n", " | "));
        }

        @Override
        public void testFinished(Description test) {
            if (!failed.contains(name(test))) {
                System.out.println("ok " + name(test));
            }
        }
    }
}
