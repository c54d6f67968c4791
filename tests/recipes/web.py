#!/usr/bin/python3
"""web.py ADDRESS PORT CERTIFICATE KEY NAME [CA]: HTTPS, and a page that tells the
name; with CA, also the name of a client certificate by it."""
import http.server
import ssl
import sys

address, port, certificate, key, name, *ca = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
if ca:
    context.load_verify_locations(ca[0])
    context.verify_mode = ssl.CERT_OPTIONAL


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        subject = dict(pair[0] for pair in
                       (self.connection.getpeercert() or {}).get("subject", ()))
        client = ", you are " + subject.get("commonName", "nobody") if ca else ""
        body = f"this is {name}{client}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request):
        try:
            request.unwrap()
        except OSError:
            pass  # the client was the first to go
        super().shutdown_request(request)


server = Server((address, int(port)), Page)
# The handshake belongs to the connection's own thread.
server.socket = context.wrap_socket(server.socket, server_side=True,
                                    do_handshake_on_connect=False)
server.serve_forever()
