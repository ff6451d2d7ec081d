import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProxy, proxyFor } from './proxy.js'

const secure = 'https://tunnel.example.com'
const plain = 'http://tunnel.example.com'
const [a, b, c] = ['http://a.test:3128', 'http://b.test:3128', 'http://c.test:3128']

const rows: Array<[string, string, string | undefined, NodeJS.ProcessEnv, string | undefined]> = [
  ['nothing is set', secure, undefined, {}, undefined],
  ['HTTPS_PROXY, for https', secure, undefined, { HTTPS_PROXY: a }, a],
  ['HTTPS_PROXY, for http', plain, undefined, { HTTPS_PROXY: a }, undefined],
  ['HTTP_PROXY, for http', plain, undefined, { HTTP_PROXY: a }, a],
  ['HTTP_PROXY, for https', secure, undefined, { HTTP_PROXY: a }, undefined],
  ['lower case wins', secure, undefined, { https_proxy: a, HTTPS_PROXY: b }, a],
  ['an empty variable is none', secure, undefined, { https_proxy: '', HTTPS_PROXY: b }, b],
  ['ALL_PROXY, for both', plain, undefined, { ALL_PROXY: a }, a],
  ['lower case wins for all, too', plain, undefined, { all_proxy: b, ALL_PROXY: a }, b],
  ['the scheme’s own wins over all', secure, undefined, { HTTPS_PROXY: a, all_proxy: b }, a],
  ['NO_PROXY exempts', secure, undefined, { HTTPS_PROXY: a, NO_PROXY: 'example.com' }, undefined],
  ['lower case wins there as well', secure, undefined, { HTTPS_PROXY: a, NO_PROXY: '*', no_proxy: 'x.test' }, a],
  [
    'NO_PROXY with the port of the scheme',
    secure,
    undefined,
    { HTTPS_PROXY: a, NO_PROXY: 'example.com:443' },
    undefined,
  ],
  ['NO_PROXY with another port', `${secure}:8443`, undefined, { HTTPS_PROXY: a, NO_PROXY: 'example.com:443' }, a],
  ['a server on this machine', 'http://localhost:8000', undefined, { HTTP_PROXY: a, ALL_PROXY: a }, undefined],
  ['one at 127.0.0.1', 'https://127.0.0.1:8000', undefined, { HTTPS_PROXY: a }, undefined],
  ['one at ::1', 'https://[::1]:8000', undefined, { HTTPS_PROXY: a }, undefined],
  ['one below localhost', 'https://tunnel.localhost', undefined, { HTTPS_PROXY: a }, undefined],
  ['--proxy wins', secure, c, { HTTPS_PROXY: a, NO_PROXY: '*' }, c],
  ['--proxy for a server on this machine', 'http://localhost:8000', c, {}, c],
  ['--proxy none', secure, 'none', { HTTPS_PROXY: a }, undefined],
  [
    'a variable that does not count is not looked at',
    secure,
    undefined,
    { HTTPS_PROXY: a, ALL_PROXY: 'socks5://x' },
    a,
  ],
]
for (const [what, url, given, env, expected] of rows) {
  test(`${what}: ${expected ?? 'no proxy'}`, () => assert.equal(proxyFor(new URL(url), given, env)?.name, expected))
}

const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`
const parsed: Array<[string, string, string | undefined]> = [
  ['proxy.test:3128', 'http://proxy.test:3128', undefined],
  ['proxy.test', 'http://proxy.test', undefined],
  ['HTTP://Proxy.test:3128/', 'http://proxy.test:3128', undefined],
  ['https://proxy.test', 'https://proxy.test', undefined],
  ['http://[2001:db8::1]:3128', 'http://[2001:db8::1]:3128', undefined],
  ['http://user:secret@proxy.test:3128', 'http://proxy.test:3128', basic('user:secret')],
  ['user:secret@proxy.test:3128', 'http://proxy.test:3128', basic('user:secret')],
  ['http://user@proxy.test', 'http://proxy.test', basic('user:')],
  ['http://user:p%40ss%3Aw%C3%B6rd@proxy.test', 'http://proxy.test', basic('user:p@ss:wörd')],
  ['http://DOMAIN%5Cuser:p@ss@proxy.test', 'http://proxy.test', basic('DOMAIN\\user:p@ss')],
]
for (const [text, name, authorization] of parsed) {
  test(`${text} is ${name}${authorization === undefined ? '' : ' with credentials'}`, () => {
    const proxy = parseProxy(text, 'proxy')
    assert.deepEqual([proxy.name, proxy.authorization], [name, authorization])
  })
}

for (const [text, detail] of [
  [
    'http://',
    /^HTTPS_PROXY: expected a proxy such as http:\/\/proxy\.example\.com:3128, got "http:\/\/"; --proxy none/,
  ],
  ['ftp://proxy.test', /got "ftp:\/\/proxy\.test"/],
  ['socks5://user:secret@proxy.test:1080', /got a SOCKS proxy, which is not supported/],
  ['http://user:secret@proxy.test/path', /got "http:\/\/…@proxy\.test\/path"/],
  ['http://user:secret@pro xy', /got "http:\/\/…@pro xy"/],
  ['user:sec@secret@pro xy', /got "…@pro xy"/],
  [
    'http://user:%zzsecret@proxy.test',
    /^HTTPS_PROXY: the user or password has a % that stands for nothing; write it as %25$/,
  ],
] as const) {
  test(`${text} is refused, without the password`, () => {
    assert.throws(
      () => parseProxy(text, 'HTTPS_PROXY'),
      (error: Error & { code?: string; detail?: string }) => {
        assert.equal(error.code, 'TUN_ERR_OPTION')
        assert.match(error.detail!, detail)
        return !String(error.stack).includes('secret')
      },
    )
  })
}
