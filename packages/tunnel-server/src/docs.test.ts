import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { describeOption, type Option } from 'tunnel-protocol'
import { serverOptions } from './options.js'

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const rows: Array<Option<unknown>> = Object.values(serverOptions)
const variables = rows.map(({ env }) => env)

/** A table row as docs/operating.md shows it, without padding. */
function documented(option: Option<unknown>): string {
  const code = (text: string | undefined) => (text === undefined || text === '' ? '' : `\`${text}\``)
  const { flags, help } = describeOption(option)
  const fallback = /\(default: ([^,)]+)/.exec(help.slice(option.help.length))?.[1]
  const flag = option.flag === undefined ? '' : code(flags.replaceAll('|', '\\|'))
  return [flag, code(option.env), code(fallback), option.help.replaceAll('<', '\\<')].join(' | ')
}

test('docs/operating.md shows the options as they are', () => {
  const shown = read('docs/operating.md')
    .split('\n')
    .filter((line) => /^\|[^|]*\| +`TUNNEL_/.test(line.replaceAll('\\|', '/')))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim())
        .join(' | '),
    )
  assert.deepEqual(shown, rows.map(documented))
})

test('docker-compose.yml sets only what the server reads, and asks only for what .env.example explains', () => {
  const compose = read('docker-compose.yml')
  const server = compose.slice(compose.indexOf('\n  server:\n'), compose.indexOf('\n  caddy:\n'))
  const given = [...server.matchAll(/^ {6}(TUNNEL_\w+): /gm)].map(([, name]) => name!)
  for (const name of ['TUNNEL_DOMAIN', 'TUNNEL_TOKENS', 'TUNNEL_TRUST_PROXY']) assert.ok(given.includes(name), name)
  for (const name of given) assert.ok(variables.includes(name), `${name} is no setting of the server`)
  const asked = [...compose.matchAll(/\$\{(\w+)/g)].map(([, name]) => name!)
  const explained = [...read('deploy/.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name!)
  assert.deepEqual(new Set(asked), new Set(explained))
})

test('docker-compose.yml gives the Caddyfile what it asks for', () => {
  const caddy = read('docker-compose.yml').split('\n  caddy:\n')[1]!
  for (const [, name] of read('deploy/Caddyfile').matchAll(/\{\$(\w+)/g)) assert.match(caddy, new RegExp(` ${name}: `))
})

test('what a server keeps outlives containers and services', () => {
  const [, folder] = /^VOLUME (\S+)$/m.exec(read('deploy/Dockerfile'))!
  assert.match(read('deploy/Dockerfile'), new RegExp(`^ENV TUNNEL_DATA_DIR=${folder}$`, 'm'))
  const server = read('docker-compose.yml').split('\n  caddy:\n')[0]!
  const [, volume] = new RegExp(`^ {6}- (\\S+):${folder}$`, 'm').exec(server)!
  assert.match(read('docker-compose.yml'), new RegExp(`^volumes:\n(?: {2}.*\n)* {2}${volume}:$`, 'm'))
  assert.match(read('deploy/systemd/tunnel-server@.service'), /^StateDirectory=tunnel-server$/m)
})

test('Dockerfile, systemd unit and manual name only settings that exist', () => {
  const others = ['TUNNEL_SERVER', 'TUNNEL_TOKEN', 'TUNNEL_SUBNET', 'TUNNEL_UPSTREAM']
  for (const path of ['deploy/Dockerfile', 'deploy/systemd/tunnel-server@.service', 'docs/operating.md', 'README.md']) {
    for (const [name] of read(path).matchAll(/TUNNEL_[A-Z_]+/g)) {
      assert.ok(variables.includes(name) || others.includes(name), `${path} names ${name}`)
    }
  }
})
