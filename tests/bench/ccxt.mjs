// SPDX-License-Identifier: Apache-2.0
// Times ccxt's sign() for the requests that inside.c signs. Prints 'NAME NANOSECONDS' a line.
import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';

const require = createRequire(process.cwd() + '/');
const ccxt = require('ccxt');
const pem = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
    .export({ type: 'sec1', format: 'pem' });

const secret = 'NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j';
const apiKey = 'vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A';
const cases = [
    ['binance', { apiKey, secret }, ['account', 'private', 'GET', {}], 2000],
    ['okx', { apiKey, secret, password: 'Passphrase-1' }, ['account/balance', 'private', 'GET', { ccy: 'BTC' }], 2000],
    ['kraken', { apiKey, secret: 'kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==' },
        ['Balance', 'private', 'POST', {}], 2000],
    ['coinbase', { apiKey: 'organizations/1b4d2a00-0000-4000-8000-000000000000/apiKeys/2b4d2a00-0000-4000-8000-000000000000', secret: pem },
        ['brokerage/accounts', ['v3', 'private'], 'GET', {}], 200],
];

for (const [name, options, args, n] of cases) {
    const exchange = new ccxt[name](options);
    const blocks = [];
    for (let block = 0; block < 12; block++) {
        const started = process.hrtime.bigint();
        for (let i = 0; i < n; i++)
            exchange.sign(...args);
        blocks.push(Number(process.hrtime.bigint() - started) / n);
    }
    const steady = blocks.slice(2).sort((a, b) => a - b); // the first blocks warm the compiler
    console.log(`${name} ${steady[steady.length >> 1].toFixed(0)}`);
}
