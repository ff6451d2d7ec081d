import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOption, resolveOptions } from 'tunnel-protocol'
import { clientOptions } from './options.js'

test('the short flags that users of localtunnel know mean the same here', () => {
  const short = Object.values(clientOptions).flatMap((option) =>
    'short' in option ? [`${option.short}=${option.flag}`] : [],
  )
  assert.deepEqual(short.sort(), ['l=local-host', 'o=open', 'p=port', 's=subdomain'])
})

test('a switch can be set in the environment', () => {
  assert.equal(resolveOptions(clientOptions, {}, { TUNNEL_PRINT_REQUESTS: 'yes' }).printRequests, true)
  assert.throws(
    () => resolveOptions(clientOptions, {}, { TUNNEL_PRINT_REQUESTS: 'si' }),
    /TUNNEL_PRINT_REQUESTS: expected true or false, got "si"/,
  )
})

test('help shows flag, default and environment name', () => {
  assert.deepEqual(describeOption(clientOptions.server), {
    flags: '--server <url>',
    help: 'your tunnel-server, or its name in "tunnel servers"; unless set, the one you logged in to, else http://localhost:8000 (env: TUNNEL_SERVER)',
  })
  assert.match(describeOption(clientOptions.pingIntervalMs).help, /\(default: 15s, env: TUNNEL_PING_INTERVAL\)$/)
})
