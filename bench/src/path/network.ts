import { spawn } from 'node:child_process'
import { readlinkSync, writeFileSync } from 'node:fs'
import { untilTrue } from '../process/ports.js'
import { findProgram, run } from '../process/programs.js'
import type { Stage } from '../process/stage.js'
import { BYTES_PER_SECOND, type Path, type Slowness } from './path.js'

const NEAR = '198.18.0.1'
const FAR = '198.18.0.2'
const NEAR_CARD = 'bench-near'
const FAR_CARD = 'bench-far'
/** Set in the run inside a network of its own. */
const MARK = 'BENCH_OWN_NETWORK'

/** Packets that wait for the line or are on it: 100 ms of 1 Gbit/s, and as much again for a queue. */
const LIMIT_PACKETS = 20_000

/** For both sides: buffers that leave it to the line, not to the kernel's defaults, how fast one connection can be. */
const buffers: Record<string, string> = {
  tcp_rmem: '4096 131072 33554432',
  tcp_wmem: '4096 65536 33554432',
}

/** Why there can be no networks of our own here; undefined when there can. */
export async function missingNetwork(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root may make network namespaces'
  const missing = ['unshare', 'nsenter', 'ip', 'tc'].filter((name) => findProgram(name) === undefined)
  if (missing.length > 0) return `${missing.join(', ')} not installed`
  try {
    await run('unshare', ['--net', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'])
    return undefined
  } catch {
    return 'the kernel has no tc netem, or lets nobody use it here'
  }
}

export function inOwnNetwork(): boolean {
  return process.env[MARK] !== undefined
}

/** Runs this command once more in a network of its own, which ends with it. Resolves to its exit code. */
export function runInOwnNetwork(): Promise<number> {
  const command = ['--net', process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn('unshare', command, { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

/** A new network has not even a loopback. */
export async function furnishOwnNetwork(): Promise<void> {
  await run('ip', ['link', 'set', 'lo', 'up'])
  for (const [name, value] of Object.entries(buffers)) writeFileSync(`/proc/sys/net/ipv4/${name}`, value)
}

/** A second network for the far side and a line between the two. It lasts as long as the processes in it. */
export async function networkPath(stage: Stage, { roundTripMs, loss }: Slowness): Promise<Path> {
  const holder = stage.start('far side', 'unshare', ['--net', 'sleep', 'infinity'])
  await untilTrue(holder, 'have a network of its own', async () => networkOf(holder.pid) !== networkOf(process.pid))
  const enter = ['nsenter', `--net=/proc/${holder.pid}/ns/net`]
  const here = (command: string) => run('sh', ['-ec', command])
  const there = (command: string) => run(enter[0]!, [...enter.slice(1), 'sh', '-ec', command])

  await here(`ip link add ${NEAR_CARD} type veth peer name ${FAR_CARD} netns ${holder.pid}`)
  await here(furnish(NEAR_CARD, NEAR, { roundTripMs, loss }))
  await there(`ip link set lo up\n${furnish(FAR_CARD, FAR, { roundTripMs, loss })}`)
  for (const [name, value] of Object.entries(buffers)) await there(`echo '${value}' > /proc/sys/net/ipv4/${name}`)
  return {
    nearHost: NEAR,
    farHost: FAR,
    startFar: (name, command) => stage.start(name, enter[0]!, [...enter.slice(1), ...command]),
    toNear: async (port) => ({ host: NEAR, port }),
    toFar: async (port) => ({ host: FAR, port }),
    async close() {
      await holder.stop()
      // The line goes with the far network, which the kernel clears away in its own time; the next one has the same names.
      await here(`ip link del ${NEAR_CARD}`).catch(() => {})
    },
  }
}

/**
 * A card whose packets are single ones, as on a real line: of a bundle of 40 netem would lose all or none. Its connections
 * have the congestion control that Linux has by default, whatever this machine prefers.
 */
function furnish(card: string, address: string, { roundTripMs, loss }: Slowness): string {
  const rate = `rate ${BYTES_PER_SECOND * 8}bit`
  return `
ip link set ${card} gso_max_segs 1
ip address add ${address}/30 dev ${card}
ip link set ${card} up
ip route replace 198.18.0.0/30 dev ${card} src ${address} congctl cubic
tc qdisc add dev ${card} root netem delay ${roundTripMs / 2}ms loss ${loss * 100}% ${rate} limit ${LIMIT_PACKETS}
`
}

/** Tells networks apart. */
function networkOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`)
}
