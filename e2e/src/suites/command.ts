import { accessSync, constants } from 'node:fs'
import net from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, Running, type RunOptions } from '../support/process.js'
import type { World } from '../support/world.js'

const DEADLINE_MS = 60 * 60_000

/** Runs a command to its end. Rejects when it is not there, or takes longer than an hour. */
export async function runToEnd(command: string, args: string[], options: RunOptions = {}): Promise<Running> {
  await using child = new Running(command, args, options)
  const late = new AbortController()
  const ended = await Promise.race([
    child.exited.then(() => true),
    sleep(DEADLINE_MS, false, { signal: late.signal }).catch(() => false),
  ])
  late.abort()
  if (!ended) throw new Error(`${command} took too long\n${child.output}`)
  return child
}

/** As runToEnd, but a failure is thrown. */
export async function mustRun(command: string, args: string[], options: RunOptions = {}): Promise<Running> {
  const child = await runToEnd(command, args, options)
  if ((await child.exitCode()) !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${child.output}`)
  return child
}

/** Where a program is, or undefined. Servers are in sbin, which is not on every PATH. */
export function findProgram(name: string): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return dirs.map((dir) => join(dir, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Starts an app that is a program and ends with the world; resolves once it accepts connections on `port`. */
export async function startProgram(
  world: World,
  port: number,
  command: string,
  args: string[],
  options: RunOptions = {},
): Promise<void> {
  const child = new Running(command, args, options)
  world.onLeave(() => child[Symbol.asyncDispose]())
  await eventually(`${command} listens on port ${port}`, () => {
    if (!child.running) throw new Error(`${command} ended\n${child.output}`)
    return accepts(port)
  })
}

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const probe = net.createServer()
  await new Promise<void>((listening) => probe.listen(0, '127.0.0.1', listening))
  const { port } = probe.address() as net.AddressInfo
  await new Promise((closed) => probe.close(closed))
  return port
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
