// Each way that Java has to connect: gets a file by HTTP and prints
// "WAY: LENGTH SUM" of its bytes.
//
//     java Get PORT PATH
//     java Get PORT close        closes a socket that a thread reads from
//
// The JVM's sockets are dual-stack IPv6, to IPv4 by mapped addresses; closing
// one that a thread reads from puts another descriptor in its place (dup2).
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

public class Get {
	static int port;
	static String path;

	static byte[] request() {
		return ("GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n")
			.getBytes(StandardCharsets.US_ASCII);
	}

	static byte[] body(byte[] answer) {
		for (int i = 0; i + 3 < answer.length; i++)
			if (answer[i] == 13 && answer[i + 1] == 10 &&
			    answer[i + 2] == 13 && answer[i + 3] == 10)
				return java.util.Arrays.copyOfRange(
					answer, i + 4, answer.length);
		return new byte[0];
	}

	static void tell(String way, byte[] bytes) {
		long sum = 0;
		for (byte b : bytes)
			sum += b & 0xff;
		System.out.println(way + ": " + bytes.length + " " + sum);
	}

	static void url() throws Exception {
		HttpURLConnection c = (HttpURLConnection)new URL(
			"http://localhost:" + port + path).openConnection();
		c.setConnectTimeout(20000);
		c.setReadTimeout(20000);
		try (InputStream in = c.getInputStream()) {
			tell("HttpURLConnection", in.readAllBytes());
		}
	}

	static void client() throws Exception {
		HttpRequest r = HttpRequest.newBuilder(
			URI.create("http://localhost:" + port + path)).build();
		tell("HttpClient", HttpClient.newHttpClient()
			.send(r, HttpResponse.BodyHandlers.ofByteArray()).body());
	}

	static void socket() throws Exception {
		try (Socket s = new Socket("localhost", port)) {
			s.setTcpNoDelay(true);
			s.setSoTimeout(20000);
			s.setKeepAlive(true);
			if (!s.getTcpNoDelay() || !s.getKeepAlive() ||
			    s.getPort() != port || s.getLocalPort() <= 0)
				throw new IOException("options or addresses");
			s.getOutputStream().write(request());
			tell("Socket", body(s.getInputStream().readAllBytes()));
		}
	}

	static void timeouts() throws Exception {
		try (Socket s = new Socket()) {
			s.connect(new InetSocketAddress("localhost", port), 20000);
			s.setSoTimeout(50);
			try {
				s.getInputStream().read();
				throw new IOException("nobody has sent anything");
			} catch (SocketTimeoutException e) {
				s.setSoTimeout(20000);
			}
			s.getOutputStream().write(request());
			tell("Socket, after a timeout",
			     body(s.getInputStream().readAllBytes()));
		}
	}

	static void selector() throws Exception {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		ByteBuffer some = ByteBuffer.allocateDirect(7000);
		try (Selector selector = Selector.open();
		     SocketChannel c = SocketChannel.open()) {
			c.configureBlocking(false);
			c.connect(new InetSocketAddress("localhost", port));
			c.register(selector, SelectionKey.OP_CONNECT);
			while (c.isOpen()) {
				if (selector.select(20000) == 0)
					throw new IOException("nothing is ready");
				SelectionKey key = selector.selectedKeys().iterator().next();
				selector.selectedKeys().clear();
				if (key.isConnectable()) {
					c.finishConnect();
					c.write(ByteBuffer.wrap(request()));
					key.interestOps(SelectionKey.OP_READ);
					continue;
				}
				some.clear();
				if (c.read(some) < 0)
					break;
				some.flip();
				byte[] got = new byte[some.remaining()];
				some.get(got);
				all.write(got);
			}
		}
		tell("SocketChannel with a Selector", body(all.toByteArray()));
	}

	static void asynchronous() throws Exception {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		ByteBuffer some = ByteBuffer.allocate(7000);
		try (AsynchronousSocketChannel c = AsynchronousSocketChannel.open()) {
			c.connect(new InetSocketAddress("localhost", port))
				.get(20, TimeUnit.SECONDS);
			c.write(ByteBuffer.wrap(request())).get(20, TimeUnit.SECONDS);
			while (c.read(some).get(20, TimeUnit.SECONDS) >= 0) {
				all.write(some.array(), 0, some.position());
				some.clear();
			}
		}
		tell("AsynchronousSocketChannel", body(all.toByteArray()));
	}

	static boolean inNative(Thread thread) {
		StackTraceElement[] stack = thread.getStackTrace();
		return stack.length > 0 && stack[0].isNativeMethod();
	}

	// A thread waits in read; close by another wakes it.
	static void close() throws Exception {
		Socket s = new Socket("localhost", port);
		String[] how = { "still waits" };
		Thread reader = new Thread(() -> {
			try {
				how[0] = "read " + s.getInputStream().read();
			} catch (SocketException e) {
				how[0] = e.getMessage();
			} catch (IOException e) {
				how[0] = e.toString();
			}
		});
		reader.start();
		while (reader.isAlive() && !inNative(reader))
			Thread.onSpinWait();
		s.close();
		reader.join(20000);
		System.out.println("closed under a reader: " + how[0]);
	}

	public static void main(String[] arguments) throws Exception {
		port = Integer.parseInt(arguments[0]);
		path = arguments[1];
		if (path.equals("close")) {
			close();
			return;
		}
		url();
		client();
		socket();
		timeouts();
		selector();
		asynchronous();
	}
}
