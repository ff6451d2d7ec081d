import { networkInterfaces } from 'node:os'
import { SLEPT_MS } from 'tunnel-protocol'

/** As os.networkInterfaces() gives them. */
export type ReadInterfaces = typeof networkInterfaces

const LOOK_EVERY_MS = 2_000

interface Addresses {
  all: ReadonlySet<string>
  /** Those by which a server could be reached. Containers and their like come and go with link-local ones only. */
  outward: string
}

/** Notices that the machine's addresses have changed, or that it slept: whatever link there was may lead nowhere. */
export class NetworkWatch {
  readonly #onChange: (addresses: ReadonlySet<string>) => void
  readonly #read: ReadInterfaces
  #timer: NodeJS.Timeout | undefined
  #lookedAt = 0
  #last: Addresses = { all: new Set(), outward: '' }

  /** `onChange` gets all addresses that the machine has now, its own internal ones included. */
  constructor(onChange: (addresses: ReadonlySet<string>) => void, read: ReadInterfaces = networkInterfaces) {
    this.#onChange = onChange
    this.#read = read
  }

  start(): void {
    this.#last = this.#look()
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
    const { outward } = this.#last
    this.#last = this.#look()
    if (slept || this.#last.outward !== outward) this.#onChange(this.#last.all)
  }

  /** A system that does not let us look has no news. */
  #look(): Addresses {
    try {
      return addressesOf(this.#read())
    } catch {
      return this.#last
    }
  }
}

function addressesOf(interfaces: ReturnType<ReadInterfaces>): Addresses {
  const all = new Set<string>()
  const outward: string[] = []
  for (const list of Object.values(interfaces)) {
    for (const { address, internal } of list ?? []) {
      all.add(address)
      if (!internal && !address.startsWith('fe80:')) outward.push(address)
    }
  }
  return { all, outward: outward.sort().join(' ') }
}
