"""Servers on this machine for the tests of storages. Prints the port, and ends when its standard input is closed.

    server.py webdav FOLDER [--tls CERTIFICATES] [--login NAME:PASSWORD]     wsgidav over cheroot
    server.py gcs FOLDER --bucket BUCKET                                     an emulator of Google Cloud Storage
    server.py azure FOLDER --container NAME --account NAME --key KEY --sas TOKEN
    server.py certificates FOLDER                                            two authorities, and a server's certificate
"""

import argparse
import base64
import email.utils
import hashlib
import hmac
import http.server
import logging
import os
import pathlib
import sys
import threading
import urllib.parse
from xml.sax.saxutils import escape


def end_with_parent():
    def wait():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def say(port):
    print(port, flush=True)


def webdav(arguments):
    from cheroot import wsgi
    from cheroot.ssl.builtin import BuiltinSSLAdapter
    from wsgidav.wsgidav_app import WsgiDAVApp

    users = True
    if arguments.login:
        name, _, password = arguments.login.partition(":")
        users = {name: {"password": password}}
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": {"root": arguments.folder, "readonly": True}},
            "simple_dc": {"user_mapping": {"*": users}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "verbose": 0,
        }
    )
    server = wsgi.Server(("127.0.0.1", 0), app)
    if arguments.tls:
        made = pathlib.Path(arguments.tls)
        server.ssl_adapter = BuiltinSSLAdapter(made / "server.pem", made / "server.key")
    server.error_log = lambda *_, **__: None
    server.prepare()
    say(server.bind_addr[1])
    server.serve()


def gcs(arguments):
    from gcp_storage_emulator.server import create_server

    logging.disable(logging.CRITICAL)
    server = create_server("127.0.0.1", 0, in_memory=False, default_bucket=arguments.bucket, data_dir=arguments.folder)
    server.start()
    say(server._api._httpd.server_address[1])
    threading.Event().wait()


def certificates(arguments):
    import trustme

    made = pathlib.Path(arguments.folder)
    authority, other = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(made / "authority.pem"))
    other.cert_pem.write_to_path(str(made / "other.pem"))
    certificate.private_key_pem.write_to_path(str(made / "server.key"))
    for at, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(str(made / "server.pem"), append=at > 0)


class Azure(http.server.BaseHTTPRequestHandler):
    """The three requests of Azure Blob Storage that reading needs, and a check of what proves the account: a shared
    key's signature over each request, or a shared access signature as it was handed out."""

    protocol_version = "HTTP/1.1"
    arguments = None

    def log_message(self, *_):
        pass

    def allowed(self, url, query):
        if self.arguments.sas in url.query:
            return True
        one = lambda name: self.headers.get(name, "")
        length = one("Content-Length")
        parts = [
            self.command, one("Content-Encoding"), one("Content-Language"), "" if length == "0" else length,
            one("Content-MD5"), one("Content-Type"), "" if one("x-ms-date") else one("Date"), one("If-Modified-Since"),
            one("If-Match"), one("If-None-Match"), one("If-Unmodified-Since"), one("Range"),
        ]
        named = [(name.lower(), value.strip()) for name, value in self.headers.items()]
        own = sorted(pair for pair in named if pair[0].startswith("x-ms-"))
        parts += [f"{name}:{value}" for name, value in own]
        resource = f"/{self.arguments.account}{url.path}"
        for name in sorted(query):
            resource += f"\n{name.lower()}:{','.join(sorted(query[name]))}"
        signed = "\n".join(parts + [resource]).encode()
        digest = hmac.new(base64.b64decode(self.arguments.key), signed, hashlib.sha256).digest()
        wanted = f"SharedKey {self.arguments.account}:{base64.b64encode(digest).decode()}"
        return hmac.compare_digest(one("Authorization"), wanted)

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            try:
                self.wfile.write(body)
            except OSError:
                # Whoever asked was killed, as tests do.
                self.close_connection = True

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        if not self.allowed(url, query):
            return self.answer(403, b"<Error><Code>AuthenticationFailed</Code><Message>no</Message></Error>")
        container, _, name = urllib.parse.unquote(url.path).lstrip("/").partition("/")
        if container != self.arguments.container:
            return self.answer(404, b"<Error><Code>ContainerNotFound</Code><Message>no</Message></Error>")
        if query.get("comp") == ["list"]:
            return self.answer(200, self.listing(query).encode(), [("Content-Type", "application/xml")])
        path = pathlib.Path(self.arguments.folder) / name
        if not path.is_file():
            return self.answer(404, b"<Error><Code>BlobNotFound</Code><Message>no</Message></Error>")
        body, status = path.read_bytes(), 200
        headers = [("Last-Modified", self.date(path)), ("ETag", self.tag(path)), ("x-ms-blob-type", "BlockBlob")]
        asked = self.headers.get("Range") or self.headers.get("x-ms-range")
        if asked and self.command == "GET":
            first, _, last = asked.removeprefix("bytes=").partition("-")
            last = int(last) if last else len(body) - 1
            headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
            body, status = body[int(first) : last + 1], 206
        headers.append(("Content-Length", str(len(body))))
        self.answer(status, body, headers)

    def date(self, path):
        return email.utils.formatdate(path.stat().st_mtime, usegmt=True)

    def tag(self, path):
        return f'"0x{path.stat().st_mtime_ns:X}"'

    def listing(self, query):
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        root, folders, blobs = pathlib.Path(self.arguments.folder), set(), []
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            name = path.relative_to(root).as_posix()
            if not name.startswith(prefix):
                continue
            rest = name[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
                continue
            blobs.append(
                f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{self.date(path)}</Last-Modified>"
                f"<Etag>{escape(self.tag(path))}</Etag><Content-Length>{path.stat().st_size}</Content-Length>"
                "<Content-Type>application/octet-stream</Content-Type><Content-MD5></Content-MD5></Properties></Blob>"
            )
        within = "".join(f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>" for name in sorted(folders))
        return (
            '<?xml version="1.0" encoding="utf-8"?>'
            f'<EnumerationResults ContainerName="{escape(self.arguments.container)}">'
            f"<Blobs>{''.join(blobs)}{within}</Blobs><NextMarker/></EnumerationResults>"
        )


def azure(arguments):
    Azure.arguments = arguments
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Azure)
    say(server.server_address[1])
    server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["webdav", "gcs", "azure", "certificates"])
    parser.add_argument("folder")
    for name in ["tls", "login", "bucket", "container", "account", "key", "sas"]:
        parser.add_argument(f"--{name}")
    arguments = parser.parse_args()
    if arguments.kind != "certificates":
        end_with_parent()
    globals()[arguments.kind](arguments)


if __name__ == "__main__":
    main()
