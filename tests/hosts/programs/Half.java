// A TLS 1.2 server that answers a while after the request, when the client may
// have ended its side: reads a line, waits, and answers with it.  Prints its port.
//
//     java Half.java KEYSTORE PASSWORD
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

public class Half {
	static void serve(SSLSocket client) throws Exception {
		BufferedReader in = new BufferedReader(
			new InputStreamReader(client.getInputStream()));
		String line = in.readLine();

		// Either the end of the client's side, or half a second.
		client.setSoTimeout(500);
		try {
			in.readLine();
		} catch (IOException late) {
		}
		client.getOutputStream().write(("answer to " + line + "\n")
			.getBytes("US-ASCII"));
		client.close();
	}

	public static void main(String[] args) throws Exception {
		KeyStore store = KeyStore.getInstance("PKCS12");
		KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
		SSLContext tls = SSLContext.getInstance("TLS");

		store.load(new FileInputStream(args[0]), args[1].toCharArray());
		keys.init(store, args[1].toCharArray());
		tls.init(keys.getKeyManagers(), null, null);
		SSLServerSocket server = (SSLServerSocket)
			tls.getServerSocketFactory().createServerSocket(0);
		server.setEnabledProtocols(new String[] { "TLSv1.2" });
		System.out.println(server.getLocalPort());
		for (;;) {
			SSLSocket client = (SSLSocket)server.accept();
			try {
				serve(client);
			} catch (Exception gone) {
			}
			client.close();
		}
	}
}
