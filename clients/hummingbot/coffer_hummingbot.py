# SPDX-License-Identifier: Apache-2.0
"""Hummingbot trades through coffer: each request that Hummingbot wants signed goes to coffer's proxy,
which signs it anew; all others go to the exchange as they are. Nothing of Hummingbot is changed on
disk, and no secret is here.

It is loaded by being imported before Hummingbot's connectors are: with this directory in PYTHONPATH
(sitecustomize.py does it), or by 'import coffer_hummingbot' at the top of a start script.

COFFER_PROXY_URL     http://127.0.0.1:PORT/NAME~BEARER/ or, with a socket, http://coffer/NAME/
COFFER_PROXY_SOCKET  the proxy's Unix socket; unset: the address above is reached over TCP

A connector whose API key is 'coffer_OTHER' or 'coffer_OTHER_BEARER' uses the key OTHER of the vault,
so that one Hummingbot can trade at several exchanges."""
import copy
import importlib.abc
import importlib.machinery
import os
import re
import sys

CONNECTION = "hummingbot.core.web_assistant.connections.rest_connection"
DUMMY_KEY = re.compile(r"coffer_([A-Za-z0-9][A-Za-z0-9_-]*?)(?:_([0-9a-f]{32}))?")


def proxy_prefix(headers, url):
    """What to write before a request's own address. headers: the request's; url: COFFER_PROXY_URL."""
    base, route = url.rstrip("/").rsplit("/", 1)
    for value in (headers or {}).values():
        dummy = DUMMY_KEY.fullmatch(str(value))
        if dummy and dummy[1] != route.split("~")[0]:
            route = dummy[1] + ("~" + dummy[2] if dummy[2] else "")
    return f"{base}/{route}/"


def patch(connection):
    """Puts the proxy before RESTConnection.call."""
    original = connection.call
    sessions = {}

    async def call(self, request):
        url, path = os.environ.get("COFFER_PROXY_URL"), os.environ.get("COFFER_PROXY_SOCKET")
        if not url or not request.is_auth_required:
            return await original(self, request)
        request = copy.copy(request)                    # it may be sent again
        request.url = proxy_prefix(request.headers, url) + request.url
        if not path:
            return await original(self, request)
        import aiohttp                                  # pylint: disable=import-outside-toplevel
        if path not in sessions or sessions[path].closed:
            sessions[path] = aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=path))
        return await original(connection(sessions[path]), request)

    connection.call = call


class Finder(importlib.abc.MetaPathFinder):
    """Patches the class as soon as its module is imported, whenever that is."""

    def find_spec(self, name, path, target=None):
        if name != CONNECTION:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                patch(module.RESTConnection)

            spec.loader.exec_module = exec_module
        return spec


if CONNECTION in sys.modules:
    patch(sys.modules[CONNECTION].RESTConnection)
else:
    sys.meta_path.insert(0, Finder())
