# what: java: threads, direct buffers, zlib, three collectors, a JIT that compiles meanwhile
# set: full
# limit: 600
# needs: java
#
# The JVM maps its heap; its compilers, symbol tables, thread stacks' guards, direct buffers and
# zlib are malloc's, from many threads. Compiled by javac if it is there, else from the source file.
# shellcheck shell=bash

cat >Work.java <<'JAVA'
import java.nio.ByteBuffer;
import java.nio.file.*;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;
import java.util.zip.*;

public class Work {
	static String hex(byte[] b) {
		StringBuilder s = new StringBuilder();
		for (byte x : b) s.append(String.format("%02x", x));
		return s.toString();
	}

	static String task(int n) throws Exception {
		MessageDigest digest = MessageDigest.getInstance("SHA-256");
		Random rnd = new Random(n);
		Map<Integer, ByteBuffer> live = new HashMap<>();
		for (int i = 0; i < 3000; i++) {
			ByteBuffer b = ByteBuffer.allocateDirect(1 + rnd.nextInt(20000));
			b.put(0, (byte) i);
			live.put(rnd.nextInt(100), b);
			if (i % 10 == 0) {
				byte[] data = new byte[1000 + rnd.nextInt(5000)];
				for (int j = 0; j < data.length; j++) data[j] = (byte) (j * n % 17);
				Deflater d = new Deflater(1 + i % 9);
				d.setInput(data);
				d.finish();
				byte[] packed = new byte[20000];
				int len = d.deflate(packed);
				d.end();
				Inflater u = new Inflater();
				u.setInput(packed, 0, len);
				byte[] back = new byte[data.length];
				u.inflate(back);
				u.end();
				if (!Arrays.equals(data, back)) throw new Exception("differs");
				digest.update(back);
			}
		}
		for (ByteBuffer b : new TreeMap<>(live).values()) digest.update(b.get(0));
		return hex(digest.digest());
	}

	public static void main(String[] args) throws Exception {
		boolean there = Files.readString(Path.of("/proc/self/maps")).contains(System.getenv("CASE_LIB"));
		Files.writeString(Path.of(System.getenv("CASE_PROBE")), (there ? "yes" : "no") + " java (its own maps)\n",
			StandardOpenOption.APPEND);
		ExecutorService pool = Executors.newFixedThreadPool(8);
		List<Future<String>> results = new ArrayList<>();
		for (int i = 0; i < 16; i++) {
			int n = i;
			results.add(pool.submit(() -> task(n)));
		}
		for (Future<String> r : results) System.out.println(r.get());
		pool.shutdown();
		for (int round = 0; round < 200; round++) {
			Thread t = new Thread(() -> new ArrayList<>(Collections.nCopies(1000, "x")));
			t.start();
			t.join();
		}
		System.out.println(IntStream.range(0, 2_000_000).parallel().mapToObj(i -> "k" + i % 1000)
			.collect(Collectors.groupingByConcurrent(s -> s, ConcurrentSkipListMap::new, Collectors.counting())).hashCode());
		System.out.println(Stream.iterate(1, i -> i + 1).limit(200000).map(i -> "" + i).sorted().skip(777).findFirst().get());
		String s = "";
		for (int i = 0; i < 3000; i++) s += i;
		System.out.println(s.hashCode());
	}
}
JAVA
java -version 2>&1
run=(Work.java)
if command -v javac >/dev/null; then
	javac -d . Work.java
	run=(-cp . Work)
fi
for collector in SerialGC ParallelGC G1GC; do
	java "-XX:+Use$collector" -Xmx256m -XX:MaxDirectMemorySize=200m "${run[@]}"
done
