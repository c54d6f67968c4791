#!/usr/bin/python3
"""smtp.py ADDRESS PORT CERTIFICATE KEY: as much of an SMTP server as STARTTLS takes"""
import socketserver
import ssl
import sys

address, port, certificate, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"220 mail.example.com ESMTP\r\n")
        while line := self.line():
            if line.startswith(b"EHLO"):
                self.request.sendall(b"250-mail.example.com\r\n250 STARTTLS\r\n")
            elif line.startswith(b"STARTTLS"):
                self.request.sendall(b"220 go ahead\r\n")
                self.request = context.wrap_socket(self.request, server_side=True)
            else:
                self.request.sendall(b"250 ok\r\n")

    def line(self):
        text = b""
        while not text.endswith(b"\n"):
            byte = self.request.recv(1)
            if not byte:
                return b""
            text += byte
        return text


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


Server((address, int(port)), Session).serve_forever()
