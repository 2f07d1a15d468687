# SPDX-License-Identifier: Apache-2.0
"""A throw-away certificate authority and the server certificates of one run, by the openssl
command: a good one, an expired one, one for another name, one of an authority nobody trusts."""
import os
import subprocess

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
CA_CONF = """[ca]
default_ca=d
[d]
database=%(d)s/index.txt
serial=%(d)s/serial
new_certs_dir=%(d)s
default_md=sha256
policy=p
unique_subject=no
copy_extensions=copy
[p]
commonName=supplied
"""


def openssl(*args):
    done = subprocess.run(["openssl", *args], capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"openssl {args[0]}: {done.stderr.decode(errors='replace')}")


class Certs:
    """Certificates in a directory. good, expired, wrong_name, other_ca: made when first wanted."""

    KINDS = ("good", "expired", "wrong_name", "other_ca")

    def __init__(self, directory, names):
        self.dir, self.names = directory, list(names)
        self.ca_file = self.path("ca.pem")
        self._authority("ca")

    def path(self, name):
        return os.path.join(self.dir, name)

    def _authority(self, name):
        openssl("req", "-x509", *NEW_KEY, "-keyout", self.path(name + ".key"),
                "-out", self.path(name + ".pem"), "-days", "2",
                "-subj", "/CN=Throw-away test authority",
                "-addext", "keyUsage=critical,keyCertSign")

    def server(self, kind):
        """(certificate file, key file)."""
        if kind not in self.KINDS:
            raise ValueError(f"no certificate of the kind {kind}")
        cert, key = self.path(kind + ".pem"), self.path(kind + ".key")
        if os.path.exists(cert):
            return cert, key
        names = ["wrong.example"] if kind == "wrong_name" else self.names
        ask = [*NEW_KEY, "-keyout", key, "-subj", "/CN=Simulated exchange",
               "-addext", "subjectAltName=" + ",".join("DNS:" + n for n in names),
               "-addext", "basicConstraints=critical,CA:false"]
        if kind == "expired":
            self._expired(ask, cert)
            return cert, key
        ca = "other" if kind == "other_ca" else "ca"
        if ca == "other":
            self._authority("other")
        openssl("req", "-x509", *ask, "-out", cert, "-days", "2", "-CA", self.path(ca + ".pem"),
                "-CAkey", self.path(ca + ".key"))
        return cert, key

    def _expired(self, ask, cert):
        """Over since 2020: 'req' refuses days in the past, 'ca' takes dates."""
        for name, text in (("ca.cnf", CA_CONF % {"d": self.dir}), ("index.txt", ""),
                           ("serial", "01\n")):
            with open(self.path(name), "w", encoding="utf-8") as f:
                f.write(text)
        openssl("req", "-new", *ask, "-out", self.path("expired.csr"))
        openssl("ca", "-batch", "-config", self.path("ca.cnf"), "-in", self.path("expired.csr"),
                "-cert", self.ca_file, "-keyfile", self.path("ca.key"), "-notext", "-out", cert,
                "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
