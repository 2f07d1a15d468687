# SPDX-License-Identifier: Apache-2.0
"""What the four exchanges share: one call under way, replies in JSON, and whether a signature
holds, by tests/checker.py."""
import datetime
import json
import urllib.parse

import checker

from .keys import NULL
from .market import Book
from .server import Reply


def _remembering(find):
    """Deriving a public key starts openssl; each key needs that once."""
    known = {}

    def public_key(creds):
        text = creds.get("private_key_pem") or creds.get("api_secret") or ""
        if text not in known:
            known[text] = find(creds)
        return known[text]

    return public_key


checker.public_key = _remembering(checker.public_key)


class Refuse(Exception):
    """The call ends with this reply."""

    def __init__(self, reply):
        super().__init__(reply.status)
        self.reply = reply


def as_json(value, status=200, headers=None):
    return Reply(status, json.dumps(value, separators=(",", ":")), headers)


def page(status, title, text):
    """An HTML page, as what stands before an exchange answers."""
    return Reply(status, f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body>"
                         f"<center><h1>{title}</h1></center><p>{text}</p></body></html>\n",
                 kind="text/html; charset=UTF-8")


def told(members, key):
    """The members of an introspection reply as this key's extra has them."""
    members = {**members, **key.extra}
    return {n: None if v is NULL else v for n, v in members.items() if v is not None}


def pairs(text):
    """A query or form as a dict; the last of equal names stays."""
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))


def iso(ms):
    moment = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


class Call:
    """One request at one exchange. x: the Exchange it came to."""

    def __init__(self, x, site, request, entry):
        self.x, self.site, self.request, self.entry = x, site, request, entry
        self.method, self.path = request.method, request.path
        self.headers = request.headers
        self.env, self.now_ms = site.env, x.now_ms()
        self.key = None
        self.is_form = not request.body.lstrip().startswith((b"{", b"["))

    @property
    def body(self):
        return self.request.body.decode("utf-8", "surrogateescape")

    @property
    def query(self):
        return pairs(self.request.query)

    @property
    def params(self):
        """Query and form body together; what is in the query wins."""
        return {**(pairs(self.body) if self.is_form else {}), **self.query}

    def json(self):
        """The body as JSON, or None when it is not."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def signature_holds(self):
        """Asks tests/checker.py about the request as it came, with the key's credentials."""
        ok, why = checker.verify(self.site.exchange, self.key.credentials, {
            "method": self.method, "url": "https://" + self.request.host + self.request.target,
            "headers": self.headers, "body": self.body})
        self.entry.ok, self.entry.why = ok, why
        return ok

    def book(self) -> Book:
        return self.x.accounts.book(self.key.account, self.site.exchange, self.key.env)
