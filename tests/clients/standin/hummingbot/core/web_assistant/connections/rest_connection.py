# SPDX-License-Identifier: Apache-2.0
"""In the place of Hummingbot's module of this name: its class, and its way of sending."""


class RESTConnection:
    def __init__(self, session):
        self._session = session

    async def call(self, request):
        return await self._session.request(method=request.method, url=request.url,
                                           params=request.params, data=request.data,
                                           headers=request.headers)
