import { networkInterfaces } from 'node:os'
import { SLEPT_MS } from 'tunnel-protocol'

/** As os.networkInterfaces() gives them. */
export type ReadInterfaces = typeof networkInterfaces

const LOOK_EVERY_MS = 2_000

/** Notices that the machine's addresses have changed, or that it slept: whatever link there was may lead nowhere. */
export class NetworkWatch {
  readonly #onChange: (addresses: ReadonlySet<string>) => void
  readonly #read: ReadInterfaces
  #timer: NodeJS.Timeout | undefined
  #lookedAt = 0
  #before = ''

  /** `onChange` gets all addresses that the machine has now, its own internal ones included. */
  constructor(onChange: (addresses: ReadonlySet<string>) => void, read: ReadInterfaces = networkInterfaces) {
    this.#onChange = onChange
    this.#read = read
  }

  start(): void {
    this.#before = this.#look().outward
    this.#lookedAt = Date.now()
    this.#timer = setInterval(() => this.#check(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #check(): void {
    const now = Date.now()
    const slept = now - this.#lookedAt - LOOK_EVERY_MS >= SLEPT_MS
    this.#lookedAt = now
    const { all, outward } = this.#look()
    if (outward === this.#before && !slept) return
    this.#before = outward
    this.#onChange(all)
  }

  /** `outward`: the addresses by which a server could be reached. Containers and their like come and go with link-local ones only. */
  #look(): { all: ReadonlySet<string>; outward: string } {
    const all = new Set<string>()
    const outward: string[] = []
    for (const list of Object.values(this.#interfaces())) {
      for (const { address, internal } of list ?? []) {
        all.add(address)
        if (!internal && !address.startsWith('fe80:')) outward.push(address)
      }
    }
    return { all, outward: outward.sort().join(' ') }
  }

  /** Systems that do not let us look have no news for us. */
  #interfaces(): ReturnType<ReadInterfaces> {
    try {
      return this.#read()
    } catch {
      return {}
    }
  }
}
