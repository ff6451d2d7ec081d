import assert from 'node:assert/strict'
import type { Running } from './process.js'
import { serverBin, type World } from './world.js'

/** A command of `tunnel-server` beside the server of `world`. */
export function beside(world: World, ...args: string[]): Running {
  return world.run(serverBin, args, { TUNNEL_DATA_DIR: world.dataDir })
}

/** What such a command prints, once it is done. */
export async function told(world: World, ...args: string[]): Promise<string> {
  const command = beside(world, ...args)
  assert.equal(await command.exitCode(), 0, command.output)
  return command.stdout
}

/** A new account, with what else `account add` is to be told, and a token of it. */
export async function newAccount(world: World, name: string, ...args: string[]): Promise<string> {
  await told(world, 'account', 'add', name, ...args)
  return newToken(world, name)
}

export async function newToken(world: World, name: string, ...args: string[]): Promise<string> {
  const text = await told(world, 'token', 'create', name, ...args)
  assert.match(text, /^tun_[a-z2-9]{12}_[a-z2-9]{32}\n$/, 'a token is alone on stdout')
  return text.trim()
}

export const idOf = (token: string): string => token.split('_')[1]!

/** For an agent that has `token`. */
export const withToken = (token: string) => ({ env: { TUNNEL_TOKEN: token } })

export interface ApiAnswer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads of it what it expects to be there
  body: any
}

/** Ask the API of the server of `world`, as somebody on another machine would. */
export async function askApi(
  world: World,
  method: string,
  path: string,
  token?: string,
  body?: unknown,
): Promise<ApiAnswer> {
  const answer = await fetch(`${world.url}/api/v1/${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
}
