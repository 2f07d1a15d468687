// SPDX-License-Identifier: Apache-2.0
// Drives ccxt as a bot would, with nothing of coffer's in it but a URL and dummy credentials.
// node ccxt.mjs FILE: {"exchange", "options": {}, "socket"?: path, "symbol", "price", "size",
// "steps"?: [...], "host"?, "repeat"?: n}. Prints one JSON line for each step:
// {"step", "ok"} or {"step", "error": class name, "network": bool, "message"}.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(process.cwd() + '/');
const ccxt = require('ccxt');
const undici = require('undici');
const want = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const exchange = new ccxt[want.exchange]({ ...want.options, enableRateLimit: false });
await exchange.loadFetchImplementation(); // it sets a dispatcher of its own
if (want.socket)
    exchange.fetchDispatcher = new undici.Agent({ connect: { socketPath: want.socket } });

let id;
const steps = {
    fetchTime: async () => exchange.fetchTime(),
    loadMarkets: async () => Object.keys(await exchange.loadMarkets()).length,
    fetchBalance: async () => (await exchange.fetchBalance()).total,
    createOrder: async () => {
        const order = await exchange.createOrder(want.symbol, 'limit', 'buy', want.size, want.price);
        id = order.id;
        return id;
    },
    fetchOpenOrders: async () => {
        const orders = await exchange.fetchOpenOrders(want.symbol);
        if (id && !orders.some((o) => o.id === id))
            throw new Error(`the order ${id} is not among the ${orders.length} open ones`);
        return orders.length;
    },
    cancelOrder: async () => (await exchange.cancelOrder(id, want.symbol)).id,
    withdraw: async () => exchange.withdraw('USDT', 1, '0x0000000000000000000000000000000000000001', undefined, { network: 'ETH' }),
};

for (const step of want.steps ?? ['fetchBalance', 'createOrder', 'fetchOpenOrders', 'cancelOrder']) {
    const line = { step };
    try {
        line.ok = await steps[step]() ?? true;
    } catch (e) {
        line.error = e.constructor.name;
        line.network = e instanceof ccxt.NetworkError;
        line.message = String(e.message).slice(0, 600);
    }
    console.log(JSON.stringify(line));
}
await exchange.fetchDispatcher.close();
