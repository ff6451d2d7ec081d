import { execFileSync } from 'node:child_process'

const { pid } = process
/** Eight addresses of the range for benchmarks (RFC 2544), others for each process. */
const block = (pid % 16_384) * 8
const address = (host: number) => {
  const last = block + host
  return `198.${18 + (last >> 16)}.${(last >> 8) & 255}.${last & 255}`
}

/** Why this machine can't have one; undefined where it can. In CI, as root, it must. */
export function missing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
  if (process.getuid?.() !== 0) return 'only root may make network namespaces'
  try {
    // Root of a container may list them and not make them.
    ip(`netns add tunnel-${pid}-try`)
    ip(`netns delete tunnel-${pid}-try`)
  } catch (error) {
    if (process.env.CI) throw error
    return `network namespaces can't be made here: ${(error as Error).message.split('\n')[0]}`
  }
  return undefined
}

/** A machine of its own for an agent, as far as the network is concerned: a cable of two ends leads to ours. */
export class Namespace implements Disposable {
  /** Of our end of the cable. */
  readonly hostAddress = address(1)
  /** What starts a command in it. */
  readonly launcher: string[]
  readonly #name = `tunnel-${pid}`
  readonly #outer = `tun${pid}o`
  readonly #inner = `tun${pid}i`
  #lastHost = 2
  readonly #clear = () => {
    // The cable goes with either of its ends.
    for (const command of [`link del ${this.#outer}`, `netns del ${this.#name}`]) {
      try {
        ip(command)
      } catch {} // it has not been made, or is gone
    }
  }

  constructor() {
    this.launcher = ['ip', 'netns', 'exec', this.#name]
    process.once('exit', this.#clear)
    ip(`netns add ${this.#name}`)
    ip(`link add ${this.#outer} type veth peer name ${this.#inner} netns ${this.#name}`)
    ip(`addr add ${this.hostAddress}/29 dev ${this.#outer}`)
    ip(`link set ${this.#outer} up`)
    this.#inside('link set lo up')
    this.#inside(`addr add ${address(this.#lastHost)}/29 dev ${this.#inner}`)
    this.up()
  }

  /** Pull the cable. */
  down(): void {
    this.#inside(`link set ${this.#inner} down`)
  }

  up(): void {
    this.#inside(`link set ${this.#inner} up`)
  }

  /** As on another network: the address is another one from now on. */
  move(): void {
    this.#inside(`addr del ${address(this.#lastHost)}/29 dev ${this.#inner}`)
    this.#inside(`addr add ${address(++this.#lastHost)}/29 dev ${this.#inner}`)
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#clear)
    this.#clear()
  }

  #inside(command: string): void {
    ip(`-n ${this.#name} ${command}`)
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: 'pipe' })
}
