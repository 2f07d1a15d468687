/* SPDX-License-Identifier: Apache-2.0 */
/* Binance: its hosts, and what a key of it consists of. */
#include "connectors/binance.h"

const struct host binance_hosts[] = {
    {.name = "api.binance.com", .env = ENV_LIVE},
    {.name = "api-gcp.binance.com", .env = ENV_LIVE},
    {.name = "api1.binance.com", .env = ENV_LIVE},
    {.name = "api2.binance.com", .env = ENV_LIVE},
    {.name = "api3.binance.com", .env = ENV_LIVE},
    {.name = "api4.binance.com", .env = ENV_LIVE},
    {.name = "fapi.binance.com", .env = ENV_LIVE, .prefix = "/fapi/"},
    {.name = "dapi.binance.com", .env = ENV_LIVE, .prefix = "/dapi/"},
    {.name = "ws-api.binance.com", .env = ENV_LIVE, .is_ws = true},
    {.name = "ws-api.binance.com:9443", .env = ENV_LIVE, .is_ws = true},
    {.name = "ws-fapi.binance.com", .env = ENV_LIVE, .is_ws = true, .prefix = "/ws-fapi/"},
    {.name = "testnet.binance.vision", .env = ENV_TEST},
    {.name = "api1.testnet.binance.vision", .env = ENV_TEST},
    {.name = "testnet.binancefuture.com", .env = ENV_TEST, .prefix = "/fapi/"},
    {.name = "ws-api.testnet.binance.vision", .env = ENV_TEST, .is_ws = true},
    {.name = "testnet.binancefuture.com", .env = ENV_TEST, .is_ws = true, .prefix = "/ws-fapi/"},
    {.name = "demo-api.binance.com", .env = ENV_DEMO},
    {.name = "demo-fapi.binance.com", .env = ENV_DEMO, .prefix = "/fapi/"},
    {.name = "demo-ws-api.binance.com", .env = ENV_DEMO, .is_ws = true},
    {0},
};

const struct field_spec binance_fields[] = {
    {.id = FIELD_API_KEY, .label = "API key", .codec = CODEC_TEXT, .min = 16, .max = 128},
    {.id = FIELD_API_SECRET,
     .label = "Secret key",
     .codec = CODEC_TEXT,
     .min = 16,
     .max = 128,
     .is_secret = true,
     .is_optional = true},
    {.id = FIELD_PRIVATE_KEY_PEM,
     .label = "Private key",
     .codec = CODEC_PEM,
     .min = 100,
     .max = 8192,
     .is_secret = true,
     .is_optional = true},
    {0},
};
